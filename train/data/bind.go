package data

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// bind gives contents the meaning of a task.
func (c *contents) bind(task *Task, r Reading) (*Dataset, error) {
	ds := &Dataset{Name: task.Name, Task: task}
	if c.train.How != "" {
		ds.Remarks = append(ds.Remarks, c.train.How)
	}
	if c.test != nil && c.test.How != c.train.How {
		ds.Remarks = append(ds.Remarks, "test part: "+c.test.How)
	}
	white := cmp.Or(r.Scale, whiteOf(c.train))
	var err error
	if ds.Train, err = c.source(c.train, task, white); err != nil {
		return nil, err
	}
	if c.test != nil {
		ds.Test, err = c.source(c.test, task, white)
	}
	return ds, err
}

// source turns one part into values and class indices of the task.
func (c *contents) source(p *files.Part, task *Task, white float64) (Source, error) {
	if got := shapeOf(p, task.Shape); got != task.Shape {
		return nil, c.whole(fmt.Errorf("%w: samples are %v, task %s wants %v", files.ErrFormat, got, task.Name, task.Shape),
			"choose the task they belong to with --task, or make one of them with 'distillmesh task new NAME --from PATH'; pictures are brought to its size with --resize")
	}
	labels, err := classLabels(p, task)
	if err != nil {
		return nil, err
	}
	if task.IsTable() {
		return NewFloats(task.Shape, features(p), labels)
	}
	return images(p, task.Shape, labels, white)
}

func (c *contents) whole(err error, hint string) error {
	return &files.Error{Path: c.path, Place: files.Whole, Err: err, Hint: hint}
}

// shapeOf is the shape of the samples of a part: the one wanted when they can
// have it, as rows of a table can be images, else the one they have by
// themselves.
func shapeOf(p *files.Part, want Shape) Shape {
	d := p.Dims
	switch len(d) {
	case 1:
		if want.Size() == d[0] {
			return want
		}
		return Shape{1, 1, d[0]}
	case 2:
		return Shape{1, d[0], d[1]}
	}
	planar, interleaved := Shape{d[0], d[1], d[2]}, Shape{d[2], d[0], d[1]}
	colours := func(c int) bool { return c == 1 || c == 3 }
	switch {
	case p.Planar || planar == want && interleaved != want:
		return planar
	case interleaved == want || colours(d[2]) || !colours(d[0]):
		return interleaved
	}
	return planar
}

// classLabels are the labels of a part as indices into the classes of a task:
// by name when every label is the name of a class, else by number, unless
// classes have numbers for names.
func classLabels(p *files.Part, task *Task) ([]int, error) {
	if p.Names == nil {
		for i, y := range p.Labels {
			if y >= len(task.Classes) {
				place := p.Where(i)
				return nil, place.Because(fmt.Errorf("%w: label %d is %d, task %s has %d classes", files.ErrLabel, i, y, task.Name, len(task.Classes)), "choose the task the data belong to with --task")
			}
		}
		return p.Labels, nil
	}
	to := make([]int, len(p.Names))
	numbered := slices.ContainsFunc(task.Classes, isWhole)
	for i, name := range p.Names {
		if to[i] = slices.Index(task.Classes, name); to[i] >= 0 {
			continue
		}
		if !numbered && byNumber(p.Names, to, len(task.Classes)) {
			break
		}
		place := p.Where(slices.Index(p.Labels, i))
		return nil, place.Because(fmt.Errorf("%w: class %q is none of task %s", files.ErrLabel, name, task.Name),
			"'distillmesh task show "+task.Name+"' lists its classes; for a table choose the column of labels with --label")
	}
	out := make([]int, len(p.Labels))
	for i, y := range p.Labels {
		out[i] = to[y]
	}
	return out, nil
}

// byNumber fills in class numbers and reports whether every name is one.
func byNumber(names []string, to []int, classes int) bool {
	for i, name := range names {
		k, err := strconv.Atoi(name)
		if err != nil || k < 0 || k >= classes {
			return false
		}
		to[i] = k
	}
	return true
}

func isWhole(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// features are the values of a part as they are.
func features(p *files.Part) []float32 {
	if p.Values != nil {
		return p.Values
	}
	out := make([]float32, len(p.Bytes))
	for i, b := range p.Bytes {
		out[i] = float32(b)
	}
	return out
}

// images are the values of a part as pixels in [0, 1], plane after plane.
func images(p *files.Part, shape Shape, labels []int, scale float64) (Source, error) {
	interleaved := len(p.Dims) == 3 && !p.Planar && shape == Shape{p.Dims[2], p.Dims[0], p.Dims[1]}
	if p.Bytes != nil && scale == 255 {
		pixels := p.Bytes
		if interleaved {
			pixels = planes(pixels, shape)
		}
		return NewBytes(shape, pixels, labels)
	}
	x := features(p)
	white := float32(scale)
	for i, v := range x {
		if v < 0 || v > white {
			place := p.Where(i / shape.Size())
			return nil, place.Because(fmt.Errorf("%w: a pixel is %g, want 0 to %g", files.ErrValue, v, scale),
				"say what white is with --scale (16 for scikit-learn's digits; without it 255, or 1 when no value to train on is above 1); values that were standardised must be taken back first")
		}
		x[i] = v / white
	}
	if interleaved {
		x = planes(x, shape)
	}
	return NewFloats(shape, x, labels)
}

// whiteOf is the value of white in a training part, and so in the test part:
// what the format says, else 1 when no value is larger, else 255.
func whiteOf(p *files.Part) float64 {
	switch {
	case p.White != 0:
		return p.White
	case len(p.Bytes) > 0 && slices.Max(p.Bytes) > 1, len(p.Values) > 0 && slices.Max(p.Values) > 1:
		return 255
	}
	return 1
}

// planes takes pixels whose channels lie side by side apart, image by image.
func planes[T any](x []T, shape Shape) []T {
	out := make([]T, len(x))
	plane := shape.H * shape.W
	for from := 0; from < len(x); from += shape.Size() {
		image, to := x[from:from+shape.Size()], out[from:]
		for i := range plane {
			for c := range shape.C {
				to[c*plane+i] = image[i*shape.C+c]
			}
		}
	}
	return out
}
