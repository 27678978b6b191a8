// Package state is what a node remembers besides blocks and announcements: the
// tasks it takes part in, registered data, which data its sets were made of, what
// was removed, which scores it computed and what it found about those of others, and
// the bytes that moved. It is one small JSON file, notes.json in the node's home, replaced whole at each change.
package state

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/train/atomicfile"
)

// FileName is the name of the file in the node's home.
const FileName = "notes.json"

// State is safe for concurrent use.
type State struct {
	mu   sync.Mutex
	path string
	doc  document
}

// document is the file.
type document struct {
	Tasks   []string             `json:"tasks"`   // CIDs of the joined tasks
	Data    map[string]DataEntry `json:"data"`    // by name
	Origins map[string]string    `json:"origins"` // set made here -> name of its data
	// Auto are those of Tasks that the trainer joined by itself.
	Auto    map[string]bool `json:"joined_by_trainer,omitempty"`
	Removed map[string]bool `json:"removed"` // roots that were removed: a trainer does not fetch them again
	// Quarantine is what trainings found of sets, by task.
	Quarantine map[string]Quarantine `json:"quarantine,omitempty"`
	Traffic    Traffic               `json:"traffic"`
	// Scores are what this node measured of sets, Judged what it found about the scores of others.
	Scores []scores.Own      `json:"scores,omitempty"`
	Judged []scores.Judgment `json:"judged,omitempty"`
}

// fill makes the maps that are missing in a file.
func (d *document) fill() {
	if d.Data == nil {
		d.Data = map[string]DataEntry{}
	}
	if d.Origins == nil {
		d.Origins = map[string]string{}
	}
}

// Open reads the file at path; without one the state is that of a new node.
func Open(path string) (*State, error) {
	s := &State{path: path}
	s.doc.fill()
	file, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(file, &s.doc)
	}
	if err != nil {
		return nil, api.Fail(api.CodeFailed, "bring the file back from a copy. Without one, move it away: key, sets and "+
			"models stay; join tasks and register data again with 'distillmesh data add PATH'", "read %s: %w", path, err)
	}
	s.doc.fill()
	return s, nil
}

// change applies f and writes the file. When f fails or the file cannot be
// written, nothing has changed.
func (s *State) change(f func(*document) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, err := json.Marshal(s.doc)
	if err != nil {
		return err
	}
	if err = f(&s.doc); err == nil {
		err = s.write()
	}
	if err != nil {
		s.doc = document{}
		return errors.Join(err, json.Unmarshal(before, &s.doc))
	}
	return nil
}

func (s *State) write() error {
	after, err := json.MarshalIndent(s.doc, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(s.path, append(after, '\n'))
}

// Tasks lists the tasks that this node has joined, in the order of joining.
func (s *State) Tasks() []cid.Cid {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []cid.Cid
	for _, text := range s.doc.Tasks {
		if c, err := cid.Decode(text); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// AddTask remembers that this node has joined a task.
func (s *State) AddTask(c cid.Cid) error {
	if slices.ContainsFunc(s.Tasks(), c.Equals) {
		return nil
	}
	return s.change(func(d *document) error {
		d.Tasks = append(d.Tasks, c.String())
		return nil
	})
}

// JoinedByTrainer reports whether a task was joined because it was announced, and nobody
// here asked for it since.
func (s *State) JoinedByTrainer(c cid.Cid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Auto[c.String()]
}

// MarkJoined notes whether a joined task was joined by the trainer alone.
func (s *State) MarkJoined(c cid.Cid, byTrainer bool) error {
	if s.JoinedByTrainer(c) == byTrainer {
		return nil
	}
	return s.change(func(d *document) error {
		if d.Auto == nil {
			d.Auto = map[string]bool{}
		}
		if d.Auto[c.String()] = byTrainer; !byTrainer {
			delete(d.Auto, c.String())
		}
		return nil
	})
}

// RemoveTask forgets that this node has joined a task.
func (s *State) RemoveTask(c cid.Cid) error {
	return s.change(func(d *document) error {
		d.Tasks = slices.DeleteFunc(d.Tasks, func(text string) bool { return text == c.String() })
		delete(d.Auto, c.String())
		delete(d.Quarantine, c.String())
		return nil
	})
}

// Data lists the registered data sets by name.
func (s *State) Data() []DataEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.doc.Data), func(x, y DataEntry) int { return strings.Compare(x.Name, y.Name) })
}

// Register adds data sets, all or none. An entry of the same name and path is
// replaced, one of another path refused.
func (s *State) Register(entries ...DataEntry) error {
	return s.change(func(d *document) error {
		for _, e := range entries {
			if there, ok := d.Data[e.Name]; ok && there.Path != e.Path {
				return api.Fail(api.CodeUsage,
					"choose another --name, or forget it first with 'distillmesh data rm "+e.Name+"'",
					"%s is registered already, of %s", e.Name, there.Path)
			}
			d.Data[e.Name] = e
		}
		return nil
	})
}

// Forget removes a data set and the parts split from it, and returns their
// names.
func (s *State) Forget(name string) (gone []string, err error) {
	err = s.change(func(d *document) error {
		whole, ok := d.Data[name]
		if !ok {
			return NoData(name)
		}
		for other, e := range d.Data {
			if other == name || e.IsPartOf(whole) {
				gone = append(gone, other)
				delete(d.Data, other)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(gone)
	return gone, nil
}

// NoData says that a name is not registered.
func NoData(name string) error {
	return api.Fail(api.CodeUsage, "list them with 'distillmesh data ls', register one with 'distillmesh data add PATH'",
		"no data set %q", name)
}

// Origin is the name of the local data that a set was made from, or nothing.
func (s *State) Origin(set cid.Cid) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Origins[set.String()]
}

// EmptyOrigin reports whether a set was made from a registered part without
// samples, which an earlier version read as the whole data set.
func (s *State) EmptyOrigin(set cid.Cid) (name string, empty bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = s.doc.Origins[set.String()]
	e, known := s.doc.Data[name]
	return name, known && e.Split != nil && e.Samples() == 0
}

// AddOrigin remembers which data a set was made from, and forgets that it was removed.
func (s *State) AddOrigin(set cid.Cid, data string) error {
	return s.change(func(d *document) error {
		d.Origins[set.String()] = data
		delete(d.Removed, set.String())
		return nil
	})
}

// Removed reports whether a root was removed here.
func (s *State) Removed(root cid.Cid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Removed[root.String()]
}

// Remove remembers that a root was removed here, and forgets where it came from.
func (s *State) Remove(root cid.Cid) error {
	return s.change(func(d *document) error {
		delete(d.Origins, root.String())
		if d.Removed == nil {
			d.Removed = map[string]bool{}
		}
		d.Removed[root.String()] = true
		return nil
	})
}

// Restore forgets that a root was removed.
func (s *State) Restore(root cid.Cid) error {
	if !s.Removed(root) {
		return nil
	}
	return s.change(func(d *document) error {
		delete(d.Removed, root.String())
		return nil
	})
}

// Traffic is what has moved so far.
func (s *State) Traffic() Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.doc.Traffic
	t.ByProtocol = map[string]Moved{}
	maps.Copy(t.ByProtocol, s.doc.Traffic.ByProtocol)
	return t
}

// AddTraffic adds what has moved since the last time.
func (s *State) AddTraffic(more Traffic) error {
	return s.change(func(d *document) error {
		d.Traffic.In += more.In
		d.Traffic.Out += more.Out
		if d.Traffic.ByProtocol == nil {
			d.Traffic.ByProtocol = map[string]Moved{}
		}
		for protocol, m := range more.ByProtocol {
			sum := d.Traffic.ByProtocol[protocol]
			d.Traffic.ByProtocol[protocol] = Moved{In: sum.In + m.In, Out: sum.Out + m.Out}
		}
		return nil
	})
}
