package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// DataEntry is a registered local data set: where it is, never what is in it.
type DataEntry struct {
	Name    string      `json:"name"`
	Path    string      `json:"path"`
	Task    string      `json:"task"` // CID
	Split   *data.Split `json:"split,omitempty"`
	Part    int         `json:"part"` // from 0, when Split is set
	Classes []string    `json:"classes"`
	Counts  []int       `json:"counts"` // training samples a class
	Test    int         `json:"test"`   // test samples
	// Reading is how the files are read, and Holdout the share of each class
	// that is held out of them for testing; 0 when they have a test part.
	Reading data.Reading `json:"reading,omitzero"`
	Holdout float64      `json:"holdout,omitempty"`
}

// Samples is how many training samples the entry has.
func (e DataEntry) Samples() int {
	n := 0
	for _, c := range e.Counts {
		n += c
	}
	return n
}

// Traffic is what moved over the mesh, summed over all runs.
type Traffic struct {
	In         int64            `json:"in"`
	Out        int64            `json:"out"`
	ByProtocol map[string]Moved `json:"by_protocol"`
}

// Moved is bytes received and sent.
type Moved struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

// notes is what a home knows beside blocks and announcements.
type notes struct {
	Tasks   []string             `json:"tasks"`   // CIDs of the tasks this node takes part in
	Data    map[string]DataEntry `json:"data"`    // by name
	Origins map[string]string    `json:"origins"` // set made here -> name of its data
	Removed map[string]bool      `json:"removed"` // let go of by rm: a trainer does not fetch it again
	Traffic Traffic              `json:"traffic"`
}

// notebook keeps notes in one small JSON file, replaced whole at each change.
type notebook struct {
	mu   sync.Mutex
	path string
	n    notes
}

func openNotebook(path string) (*notebook, error) {
	b := &notebook{path: path, n: notes{Data: map[string]DataEntry{}, Origins: map[string]string{}}}
	file, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(file, &b.n)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

// change applies f and writes the file; on a failed write nothing has changed.
func (b *notebook) change(f func(*notes)) error {
	return b.try(func(n *notes) error {
		f(n)
		return nil
	})
}

// try is change by what may fail: then nothing has changed either.
func (b *notebook) try(f func(*notes) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, err := json.Marshal(b.n)
	if err != nil {
		return err
	}
	if err = f(&b.n); err == nil {
		var after []byte
		if after, err = json.MarshalIndent(b.n, "", "  "); err == nil {
			err = checkpoint.WriteFile(b.path, append(after, '\n'))
		}
	}
	if err != nil {
		b.n = notes{}
		return errors.Join(err, json.Unmarshal(before, &b.n))
	}
	return nil
}

func (b *notebook) taskCIDs() []cid.Cid {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []cid.Cid
	for _, s := range b.n.Tasks {
		if c, err := cid.Decode(s); err == nil {
			out = append(out, c)
		}
	}
	return out
}

func (b *notebook) addTask(c cid.Cid) error {
	if slices.ContainsFunc(b.taskCIDs(), c.Equals) {
		return nil
	}
	return b.change(func(n *notes) { n.Tasks = append(n.Tasks, c.String()) })
}

// entries lists the registered data sets by name.
func (b *notebook) entries() []DataEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []DataEntry
	for _, e := range b.n.Data {
		out = append(out, e)
	}
	slices.SortFunc(out, func(x, y DataEntry) int { return strings.Compare(x.Name, y.Name) })
	return out
}

func (b *notebook) origin(set cid.Cid) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n.Origins[set.String()]
}

// emptyOrigin reports whether a set was made of a registered part without
// samples, as a version that read such a part as the whole data set did.
func (b *notebook) emptyOrigin(set cid.Cid) (name string, empty bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name = b.n.Origins[set.String()]
	e, known := b.n.Data[name]
	return name, known && e.Split != nil && e.Samples() == 0
}

// removed reports whether rm let go of a root.
func (b *notebook) removed(root cid.Cid) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n.Removed[root.String()]
}

// restore forgets that a root was removed.
func (b *notebook) restore(root cid.Cid) error {
	if !b.removed(root) {
		return nil
	}
	return b.change(func(n *notes) { delete(n.Removed, root.String()) })
}

func (b *notebook) traffic() Traffic {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.n.Traffic
	t.ByProtocol = map[string]Moved{}
	for k, v := range b.n.Traffic.ByProtocol {
		t.ByProtocol[k] = v
	}
	return t
}
