package open

import (
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// bind applies a task to contents.
func (c *contents) bind(task *data.Task, r Reading) (*data.Dataset, error) {
	ds := &data.Dataset{Name: task.Name, Task: task}
	if err := c.checkKnown(task); err != nil {
		return nil, err
	}
	if err := c.planes(task, r); err != nil {
		return nil, err
	}
	if task.IsTable() && r.White != 0 {
		c.account.Warn("flag-unused", "--white", "--white changes nothing: the task is of a table")
	}
	white, seen := r.White, c.ranges(task)
	if !task.IsTable() {
		w, err := c.white(r.White)
		if err != nil {
			return nil, err
		}
		white = w
	}
	if task.IsTable() && task.Features == nil && c.train.Features != nil {
		c.account.Assume("column-order", "",
			"the task does not name its features: columns are taken in the order of the file")
	}
	var err error
	if ds.Train, err = c.source(c.train, task, r, white); err != nil {
		return nil, err
	}
	if c.test != nil {
		if ds.Test, err = c.source(c.test, task, r, white); err != nil {
			return nil, err
		}
	}
	if r.FirstLabel != "" && !c.account.Based {
		c.account.Warn("flag-unused", "--first-label", "--first-label changes nothing: no labels are counted")
	}
	c.emptyClasses(ds)
	c.inspect(ds, seen)
	ds.Report = c.report(ds, white, seen)
	return ds, nil
}

// emptyClasses warns of classes without training samples, of a task that is made of
// the data, or that the files list; otherwise it is a fact.
func (c *contents) emptyClasses(ds *data.Dataset) {
	counts := make([]int, len(ds.Task.Classes))
	for _, y := range ds.Train.Labels() {
		counts[y]++
	}
	var empty []string
	for k, n := range counts {
		if n == 0 {
			empty = append(empty, ds.Task.Classes[k])
		}
	}
	switch {
	case empty == nil:
	case c.made || c.train.Classes != nil:
		c.account.Warn("class-empty", "", "no training sample is of class %s", files.Joined(empty))
	default: // a device need not hold every class of a task
		c.account.See("class-empty", "no training sample is of class %s", files.Joined(empty))
	}
}

// checkKnown refuses well-known data under another well-known task.
func (c *contents) checkKnown(task *data.Task) error {
	switch {
	case c.known == nil:
		return nil
	case c.known.Name == task.Name:
		c.account.See("known", "these are the training data of %s", c.known.Name)
	case data.WellKnownTask(task.Name) != nil && task.Name != c.known.Name:
		return c.account.Refuse("other-task", files.Error{Path: c.path, Place: files.Whole,
			Err:  fmt.Errorf("%w: these are the training data of %s, not of %s", files.ErrFormat, c.known.Name, task.Name),
			Hint: "leave out --task, or say --task " + c.known.Name})
	default:
		c.account.See("known", "these are the training data of %s, read as task %s", c.known.Name, task.Name)
	}
	return nil
}

// source turns one part into values and class indices of the task.
func (c *contents) source(p *files.Part, task *data.Task, r Reading, white float64) (data.Source, error) {
	if got := shapeOf(p, task.Shape); got != task.Shape {
		return nil, c.whole(fmt.Errorf("%w: samples are %v, task %s wants %v", files.ErrFormat, got, task.Name, task.Shape),
			"choose the task they belong to with --task, or make one of them with 'distillmesh task new NAME --from PATH'; "+
				"pictures are brought to its size with --resize")
	}
	labels, err := c.classLabels(p, task, r.FirstLabel)
	if err != nil {
		return nil, err
	}
	if task.IsTable() {
		if p.Bytes != nil {
			return data.NewCounts(task.Shape, p.Bytes, labels), nil
		}
		return data.NewDoubles(task.Shape, p.Doubles, p.Floats, labels)
	}
	return c.images(p, task.Shape, labels, white)
}

func (c *contents) whole(err error, hint string) error {
	return &files.Error{Path: c.path, Place: files.Whole, Err: err, Hint: hint}
}

// shapeOf is the shape of the samples of a part: the one wanted when they can
// have it, as rows of a table can be images, else the one they have by
// themselves.
func shapeOf(p *files.Part, want data.Shape) data.Shape {
	d := p.Dims
	switch {
	case len(d) == 1 && want.Size() == d[0]:
		return want
	case len(d) == 1:
		return data.Shape{C: 1, H: 1, W: d[0]}
	case len(d) == 2:
		return data.Shape{C: 1, H: d[0], W: d[1]}
	}
	return data.Shape{C: d[0], H: d[1], W: d[2]}
}

// images are the values of a part as pixels in [0, 1], plane after plane. Values
// out of range by no more than rounding are clipped.
func (c *contents) images(p *files.Part, shape data.Shape, labels []int, white float64) (data.Source, error) {
	if p.Bytes != nil && white == 255 {
		return data.NewBytes(shape, p.Bytes, labels)
	}
	x := p.Floats
	if x == nil {
		x = make([]float32, p.NumValues())
	}
	beyond, most := 0, 0.
	slack := whiteSlack * white
	for i := range x {
		v := p.At(i)
		switch {
		case v < -slack || v > white+slack:
			place := p.Where(i / shape.Size())
			return nil, place.Because(fmt.Errorf("%w: a pixel is %g, want 0 to %g", files.ErrValue, v, white),
				"say what white is with --white (16 for scikit-learn's digits); values that were standardized must be taken "+
					"back first")
		case v < 0 || v > white:
			beyond++
			if d := max(-v, v-white); d > most {
				most = d
			}
			v = min(max(v, 0), white)
		}
		x[i] = float32(v) / float32(white)
	}
	if beyond > 0 {
		c.account.Assume("white-overshoot", "--white",
			"%d values are up to %.3g beyond black or white, and taken for these", beyond, most)
	}
	return data.NewFloats(shape, x, labels)
}

// whiteSlack is the share of white by which rounding may exceed it.
const whiteSlack = 1e-3

// leastSide is the smallest side of an image that features may be taken for.
const leastSide = 8

// imageSide is the side of a square image of so many pixels; 0 when there is none.
func imageSide(pixels int) int {
	side := int(math.Sqrt(float64(pixels)) + .5)
	if side < leastSide || side*side != pixels {
		return 0
	}
	return side
}

// inspect warns of suspicious data: constant features, and images of one
// color.
func (c *contents) inspect(ds *data.Dataset, seen ranges) {
	if ds.Task.IsTable() {
		if side := imageSide(ds.Task.Shape.W); side > 0 && seen.low >= 0 {
			c.account.See("square-rows",
				"the %d features could be an image of %d x %d pixels: 'task new --shape 1x%dx%d' reads them so", side*side, side,
				side, side, side)
		}
		return
	}
	row := make([]float32, ds.Task.Shape.Size())
	flat, n := 0, len(ds.Train.Labels())
	var sum, squares float64
	most := float32(0)
	for i := range n {
		ds.Train.Read(i, row)
		if slices.Min(row) == slices.Max(row) {
			flat++
		}
		most = max(most, slices.Max(row))
		for _, v := range row {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
	}
	if tested := brightest(ds.Test, row); ds.Test != nil && tested < .25 && tested*4 < most {
		c.account.Warn("dark", "--white", "no value to test with is above %.3g of white: its images are dark", tested)
	}
	count := float64(n * len(row))
	mean := sum / count
	if variance := squares/count - mean*mean; variance < 1e-4 {
		c.account.Warn("nearly-constant", "--white",
			"all images are nearly of one brightness, %.3f of white: is white right?", mean)
	} else if flat > 0 {
		c.account.Warn("flat-images", "", "%d of %d images are of one color", flat, n)
	}
}

// brightest is the largest value of all samples; row is for one of them.
func brightest(src data.Source, row []float32) (most float32) {
	if src == nil {
		return 0
	}
	for i := range src.Labels() {
		src.Read(i, row)
		most = max(most, slices.Max(row))
	}
	return most
}
