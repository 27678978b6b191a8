package operations

import (
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// TaskInfo is a task as lists show it.
type TaskInfo struct {
	CID     string    `json:"cid"`
	Name    string    `json:"name"`
	Classes []string  `json:"classes"`
	Shape   [3]int    `json:"shape"`
	Mean    []float64 `json:"mean"`
	Std     []float64 `json:"std"`
	Augment string    `json:"augment,omitempty"` // how images may change
	// Features describe the columns of a table that names them.
	Features []files.Feature `json:"features,omitempty"`
	BuiltIn  bool            `json:"built_in"`
	Joined   bool            `json:"joined"`
	Sets     int             `json:"sets"`     // announced sets known
	Trainers int             `json:"trainers"` // trainers that volunteer for it
}

// NewTaskInfo describes a task; the counts of what is known of it are left out.
func NewTaskInfo(cid string, t *data.Task, builtIn bool) TaskInfo {
	return TaskInfo{CID: cid, Name: t.Name, Classes: t.Classes, Shape: [3]int{t.Shape.C, t.Shape.H, t.Shape.W},
		Mean: t.Mean, Std: t.Std, Augment: t.Augmentation(), Features: t.Features, BuiltIn: builtIn}
}

// Task is the document that the info was made from.
func (i TaskInfo) Task() *data.Task {
	t := &data.Task{Version: data.TaskVersion, Name: i.Name, Classes: i.Classes,
		Shape: data.Shape{C: i.Shape[0], H: i.Shape[1], W: i.Shape[2]}, Mean: i.Mean, Std: i.Std, Features: i.Features}
	if !i.BuiltIn { // documents of built-in tasks do not hold it
		t.Augment = i.Augment
	}
	return t
}
