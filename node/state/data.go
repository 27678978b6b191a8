package state

import (
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// DataEntry is a registered local data set: where it is, never what is in it.
type DataEntry struct {
	Name    string      `json:"name"`
	Path    string      `json:"path"`
	Task    string      `json:"task"` // CID
	Split   *data.Split `json:"split,omitempty"`
	Part    int         `json:"part"` // from 0, when Split is set
	Classes []string    `json:"classes"`
	Counts  []int       `json:"counts"` // training samples per class
	Test    int         `json:"test"`   // test samples
	// Reading is how the files are read, and Holdout the share of each class
	// that is held out of them for testing; 0 when they have a test part.
	Reading open.Reading `json:"reading,omitzero"`
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

// IsPartOf reports whether an entry is a part split from a whole.
func (e DataEntry) IsPartOf(whole DataEntry) bool {
	return whole.Split == nil && e.Split != nil && strings.HasPrefix(e.Name, whole.Name+".") && e.Path == whole.Path
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
