package exchange

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
)

// Foreign is a set made elsewhere, as samples of a task.
type Foreign struct {
	Path    string
	Kind    string // of the file
	Task    *data.Task
	Samples *data.Samples // in task space
	Values  Values        // as they were in the file
	// Mean and Std are the constants that Standard values had, one for each channel; nil for others.
	Mean, Std []float64
	Low, High float64 // the range of values in the file
	// Dark and Light are the range of the pixels that they mean, where 0 is black and 1 is white.
	Dark, Light float64
	Notes       []files.Note    // what was seen, and what was assumed with the flag that decides it
	Skipped     []files.Skipped // what was not read
}

// reading is the state of reading one set.
type reading struct {
	path    string
	task    *data.Task
	opt     Options
	account *files.Account
	several bool // the file holds several sets, of which Item chose one
}

// found is what a file holds.
type found struct {
	kind    string
	images  *array.Numbers
	labels  *array.Numbers // nil for none
	classes []int          // of images in folders of classes, in the order of images; nil for others
	record  *record        // what this program noted in a file that it wrote; nil for none
	rows    *record        // the same of the file of labels
}

// Read reads a set made elsewhere as one of a task: a file (.npz, safetensors, or one of PyTorch,
// recognized by their content) or a folder, either what Write wrote or one folder of pictures for
// each class. Images without labels stand class after class, as many of each.
func Read(path string, task *data.Task, opt Options) (*Foreign, error) {
	if err := opt.check(task); err != nil {
		return nil, err
	}
	r := &reading{path: path, task: task, opt: opt, account: &files.Account{}}
	in, err := r.find()
	if err != nil {
		return nil, err
	}
	if opt.Item > 1 && !r.several {
		return nil, wrong(path, ErrNames, "leave --item out", "the file holds one set, and item %d was asked for", opt.Item)
	}
	images, err := r.arrange(in)
	if err != nil {
		return nil, err
	}
	out := &Foreign{Path: path, Kind: in.kind, Task: task}
	s := &data.Samples{Shape: task.Shape, Classes: len(task.Classes)}
	if err := r.values(out, s, images, in.record); err != nil {
		return nil, err
	}
	if err := r.label(s, images.Dims[0], in); err != nil {
		return nil, err
	}
	if in.classes != nil {
		s = classAfterClass(s)
	}
	out.Samples, out.Notes, out.Skipped = s, r.account.Notes, r.account.Skipped
	return out, nil
}

// arrange brings images to the shape of the task.
func (r *reading) arrange(in *found) (*array.Numbers, error) {
	want := r.task.Shape
	opt := array.Options{Layout: r.opt.Layout, Want: [3]int{want.C, want.H, want.W}}
	if planar := in.classes != nil || in.record != nil; planar && opt.Layout == "" && len(in.images.Dims) == 4 {
		opt.Layout = "NCHW"
	}
	n, err := opt.Images(in.images, in.images.Dims[0], r.account)
	if err != nil {
		return nil, caused(r.path, ErrShape, err)
	}
	if got := shapeOf(n.Dims[1:], want); got != want {
		hint := fmt.Sprintf("task %s has images of %v; choose the task that the set was made for", r.task.Name, want)
		if got.Size() == want.Size() {
			hint = "say the order of the axes with --layout, such as NCHW or NHWC"
		}
		return nil, wrong(r.path, ErrShape, hint, "images of %v, task %s has %v", got, r.task.Name, want)
	}
	return n, nil
}

// shapeOf is the shape of images of some dimensions: that of the task for rows of as many values.
func shapeOf(d []int, want data.Shape) data.Shape {
	switch {
	case len(d) == 1 && d[0] == want.Size():
		return want
	case len(d) == 1:
		return data.Shape{C: 1, H: 1, W: d[0]}
	case len(d) == 2:
		return data.Shape{C: 1, H: d[0], W: d[1]}
	}
	return data.Shape{C: d[0], H: d[1], W: d[2]}
}

// classAfterClass sorts samples by class and keeps their order within a class.
func classAfterClass(s *data.Samples) *data.Samples {
	var order []int
	for _, members := range s.ByClass() {
		order = append(order, members...)
	}
	return s.Subset(order)
}

// finiteX refuses images that overflow when they are brought to task space.
func (r *reading) finiteX(s *data.Samples) error {
	if err := checkpoint.CheckFinite("images in task space", s.X); err != nil {
		return wrong(r.path, ErrValues, valuesHint, "%v", err)
	}
	return nil
}
