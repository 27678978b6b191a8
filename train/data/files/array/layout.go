package array

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Options say how arrays are read where the files are ambiguous.
type Options struct {
	// Layout is the order of the axes of samples, as letters: N counts samples, H
	// and W are height and width, C channels, F features. For rows of pixels it
	// is the order within a row, NCHW or NHWC.
	Layout string
	// Want is the shape {C, H, W} that samples should have; zeros for any.
	Want [3]int
	// Parts maps the names of parts to their use: train, test or ignore.
	Parts map[string]string
	// FirstLabel is the number of the first class where the file lists class names:
	// "0" or "1"; empty to infer it from the labels.
	FirstLabel string

	rowOrder string // of rows of pixels, decided by the first part
}

// Layouts are the values of Options.Layout.
var Layouts = []string{"NHWC", "NCHW", "NHW", "HWN", "HWCN", "CHWN", "NF", "FN"}

const layoutHint = "say the order of the axes with --layout, such as NHWC or NCHW"

// arrange brings samples of any layout to [N F], [N H W] or [N C H W], and says
// how the layout was decided.
func (o *Options) arrange(v *values, count int, a *files.Account) (*values, error) {
	if v.text != nil {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of text", files.ErrFormat),
			Hint: "samples are numbers"}
	}
	if o.Layout != "" && !slices.Contains(Layouts, o.Layout) {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: there is no layout %s", files.ErrFormat,
			files.Quoted(o.Layout)),
			Hint: "use one of " + strings.Join(Layouts, ", ")}
	}
	if n := len(o.Layout); n > 0 && n != len(v.dims) && (n != 4 || len(v.dims) != 2 || o.Layout[0] != 'N') {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v, and layout %s has %d axes",
			files.ErrFormat, v.dims, o.Layout, n), Hint: "leave --layout out, or give it a letter for every axis"}
	}
	v, err := o.samplesFirst(v, count, a)
	if err != nil {
		return nil, err
	}
	switch len(v.dims) {
	case 2:
		return o.rows(v, a)
	case 3:
		a.See("layout", "%s: samples, height, width", v.words())
		return v, nil
	case 4:
		return o.channels(v, a)
	}
	return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v", files.ErrFormat, v.dims),
		Hint: shapesHint}
}

// samplesFirst moves the axis of samples to the front.
func (o *Options) samplesFirst(v *values, count int, a *files.Account) (*values, error) {
	last := len(v.dims) - 1
	byFlag := len(o.Layout) == len(v.dims)
	switch first := v.dims[0] == count; {
	case last < 1:
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v", files.ErrFormat, v.dims),
			Hint: shapesHint}
	case byFlag && v.dims[strings.IndexByte(o.Layout, 'N')] != count, !first && v.dims[last] != count:
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v for %d labels", files.ErrFormat,
			v.dims, count), Hint: shapesHint}
	case byFlag && o.Layout[0] == 'N', !byFlag && first &&
		(v.dims[last] != count || o.fits(v.dims[1:]) || !o.fits(v.dims[:last])):
		if !byFlag && v.dims[last] == count {
			a.Assume("layout", "--layout", "%s: the first axis counts the samples", v.words())
		}
		return v, nil
	}
	if !byFlag {
		a.Assume("layout", "--layout", "%s: the last axis counts the samples, as there are %d labels", v.words(), count)
	}
	axes := []int{last}
	for i := range last {
		axes = append(axes, i)
	}
	return v.transposed(axes), nil
}

// fits reports whether samples of some dimensions can have the wanted shape.
func (o *Options) fits(d []int) bool {
	want := o.Want
	switch len(d) {
	case 1:
		return want[0]*want[1]*want[2] == d[0]
	case 2:
		return want == [3]int{1, d[0], d[1]}
	case 3:
		return want == [3]int(d) || want == [3]int{d[2], d[0], d[1]}
	}
	return false
}

// rows are samples of one axis: features, or pixels of an image of the wanted
// shape. Whether such rows are planar (NCHW) or interleaved (NHWC) is decided by
// which neighbors are more alike.
func (o *Options) rows(v *values, a *files.Account) (*values, error) {
	c, h, w := o.Want[0], o.Want[1], o.Want[2]
	if c < 2 || h*w == 1 || c*h*w != v.dims[1] {
		a.See("layout", "%s: samples, values", v.words())
		return v, nil
	}
	order := cmp.Or(o.Layout, o.rowOrder)
	if order != "NCHW" && order != "NHWC" {
		planar, interleaved := rowsApart(v, w), rowsApart(v, w*c)
		if h == 1 || math.Max(planar, interleaved) < 1.1*math.Min(planar, interleaved) {
			return nil, &files.Error{Place: files.Whole,
				Err: fmt.Errorf("%w: rows of %d values could be planes of %d x %d or pixels of %d channels",
					files.ErrFormat, v.dims[1], h, w, c),
				Hint: "say the order within a row with --layout NCHW (one channel after the other) or NHWC (the channels of a " +
					"pixel side by side)"}
		}
		order = "NHWC"
		if planar < interleaved {
			order = "NCHW"
		}
		o.rowOrder = order
	}
	if o.Layout == "" {
		words := map[string]string{"NCHW": "one channel after the other (NCHW)",
			"NHWC": "the channels of a pixel side by side (NHWC)"}
		a.Assume("layout", "--layout", "%s: rows of pixels, %s, as that makes neighbors alike", v.words(), words[order])
	}
	planar := order == "NCHW"
	if planar {
		v.dims = []int{v.dims[0], c, h, w}
		return v, nil
	}
	v.dims = []int{v.dims[0], h, w, c}
	return v.transposed([]int{0, 3, 1, 2}), nil
}

// words names an array in messages.
func (v *values) words() string {
	if v.name == "" {
		return fmt.Sprintf("%v", v.dims)
	}
	return fmt.Sprintf("array %s of %v", v.name, v.dims)
}

// Planes brings the rows of a part to planes of pixels {C, H, W}, as the rows of an
// array are: by Layout, as decided for another part, or inferred from the values.
func (o *Options) Planes(p *files.Part, a *files.Account) error {
	v := &values{name: p.Name, dims: []int{p.Len(), p.Size()}, bytes: p.Bytes, floats: p.Floats, doubles: p.Doubles}
	v, err := o.rows(v, a)
	if err != nil {
		return err
	}
	p.Dims, p.Bytes, p.Floats, p.Doubles = v.dims[1:], v.bytes, v.floats, v.doubles
	return nil
}

// rowsApart is the mean absolute difference of values a distance apart in a row,
// over at most a million of them.
func rowsApart(v *values, apart int) float64 {
	sum, n, row := 0.0, 0, v.dims[1]
	for s := 0; s < v.dims[0] && n < 1<<20; s++ {
		for i := s * row; i+apart < (s+1)*row; i++ {
			sum += math.Abs(v.at(i) - v.at(i+apart))
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// channels decides where the channels of [N, ?, ?, ?] are.
func (o *Options) channels(v *values, a *files.Account) (*values, error) {
	d := [3]int(v.dims[1:])
	last := [3]int{d[2], d[0], d[1]} // as {C, H, W} when channels are last
	planar, why := false, ""
	switch byLast, byFirst := o.Want == last, o.Want == d; {
	case o.Layout != "":
		planar, why = strings.IndexByte(o.Layout, 'C') < strings.IndexByte(o.Layout, 'H'), "by --layout"
	case byLast != byFirst:
		planar, why = byFirst, "as the task has it"
	case isChannels(d[2], d[0], d[1]) != isChannels(d[0], d[1], d[2]):
		planar = isChannels(d[0], d[1], d[2])
		why = fmt.Sprintf("as %d is far smaller than the others", min(d[0], d[2]))
	case d == [3]int{1, 1, 1}:
		why = "there is one"
	default:
		return nil, &files.Error{Place: files.Whole,
			Err: fmt.Errorf("%w: samples of %v could have their channels first or last", files.ErrFormat,
				v.dims), Hint: layoutHint}
	}
	where := "last"
	if planar {
		where = "first"
	}
	if o.Layout == "" {
		a.Assume("layout", "--layout", "%s: the channels are %s, %s", v.words(), where, why)
	}
	if planar {
		return v, nil
	}
	return v.transposed([]int{0, 3, 1, 2}), nil
}

// isChannels reports whether one of three axes is that of channels: it is far
// shorter, or the other two are equal and longer.
func isChannels(c, h, w int) bool {
	return c*2 < min(h, w) || h == w && c < h || c == 1
}
