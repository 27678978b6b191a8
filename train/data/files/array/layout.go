package array

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Options say how arrays are to be read, where they leave that open.
type Options struct {
	// Layout is the order of the axes of samples, as letters: N counts samples, H
	// and W are height and width, C channels, F features. Of rows of pixels it is
	// the order within a row, NCHW or NHWC.
	Layout string
	// Want is the shape {C, H, W} that samples should have; zeros for any.
	Want [3]int
	// Parts says what named parts are used for, train, test or ignore.
	Parts map[string]string
}

// Layouts are the values of Options.Layout.
var Layouts = []string{"NHWC", "NCHW", "NHW", "HWN", "HWCN", "CHWN", "NF", "FN"}

const layoutHint = "say the order of the axes with --layout, such as NHWC or NCHW"

// arrange brings samples of any layout to [N F], [N H W] or [N C H W], and says
// how the layout was decided.
func (o *Options) arrange(v *values, count int, a *files.Account) (*values, error) {
	if v.text != nil {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of text", files.ErrFormat), Hint: "samples are numbers"}
	}
	if o.Layout != "" && !slices.Contains(Layouts, o.Layout) {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: there is no layout %s", files.ErrFormat, files.Quoted(o.Layout)),
			Hint: "use one of " + strings.Join(Layouts, ", ")}
	}
	v, err := o.samplesFirst(v, count, a)
	if err != nil {
		return nil, err
	}
	switch len(v.dims) {
	case 2:
		return o.rows(v, a)
	case 3:
		a.See("layout", "array %s of %v: samples, height, width", v.name, v.dims)
		return v, nil
	case 4:
		return o.channels(v, a)
	}
	return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v", files.ErrFormat, v.dims), Hint: shapesHint}
}

// samplesFirst moves the axis that counts samples to the front.
func (o *Options) samplesFirst(v *values, count int, a *files.Account) (*values, error) {
	last := len(v.dims) - 1
	byFlag := len(o.Layout) == len(v.dims)
	switch first := v.dims[0] == count; {
	case last < 1:
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v", files.ErrFormat, v.dims), Hint: shapesHint}
	case byFlag && v.dims[strings.IndexByte(o.Layout, 'N')] != count, !first && v.dims[last] != count:
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v for %d labels", files.ErrFormat, v.dims, count), Hint: shapesHint}
	case byFlag && o.Layout[0] == 'N', !byFlag && first:
		if !byFlag && v.dims[last] == count && last > 1 {
			a.Assume("layout", "--layout", "array %s of %v: the first axis counts the samples", v.name, v.dims)
		}
		return v, nil
	}
	if !byFlag {
		a.Assume("layout", "--layout", "array %s of %v: the last axis counts the samples, as there are %d labels", v.name, v.dims, count)
	}
	axes := []int{last}
	for i := range last {
		axes = append(axes, i)
	}
	return v.transposed(axes), nil
}

// rows are samples of one axis each: features, or pixels of an image whose shape
// is wanted. Whether the channels of such rows lie one after the other or side by
// side is decided by which neighbours are alike.
func (o *Options) rows(v *values, a *files.Account) (*values, error) {
	c, h, w := o.Want[0], o.Want[1], o.Want[2]
	if c < 2 || h*w == 1 || c*h*w != v.dims[1] {
		a.See("layout", "array %s of %v: samples, values", v.name, v.dims)
		return v, nil
	}
	planar := o.Layout == "NCHW"
	if !planar && o.Layout != "NHWC" {
		below := [2]float64{rowsApart(v, w), rowsApart(v, w*c)}
		if math.Max(below[0], below[1]) < 1.1*math.Min(below[0], below[1]) {
			return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: rows of %d values could be planes of %d x %d or pixels of %d channels", files.ErrFormat, v.dims[1], h, w, c), Hint: layoutHint}
		}
		planar = below[0] < below[1]
		order := map[bool]string{true: "one channel after the other (NCHW)", false: "the channels of a pixel side by side (NHWC)"}
		a.Assume("layout", "--layout", "array %s of %v: rows of pixels, %s, as that makes neighbours alike", v.name, v.dims, order[planar])
	}
	if planar {
		v.dims = []int{v.dims[0], c, h, w}
		return v, nil
	}
	v.dims = []int{v.dims[0], h, w, c}
	return v.transposed([]int{0, 3, 1, 2}), nil
}

// rowsApart is the mean absolute difference of values so far apart in a row, over
// at most a million of them.
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
	case d == last:
		why = "both ways are the same"
	default:
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: samples of %v could have their channels first or last", files.ErrFormat, v.dims), Hint: layoutHint}
	}
	where := "last"
	if planar {
		where = "first"
	}
	if o.Layout == "" {
		a.Assume("layout", "--layout", "array %s of %v: the channels are %s, %s", v.name, v.dims, where, why)
	}
	if planar {
		return v, nil
	}
	return v.transposed([]int{0, 3, 1, 2}), nil
}

// isChannels reports whether an axis beside two others is one of channels: there
// are far fewer of them, or the others are equal and larger.
func isChannels(c, h, w int) bool {
	return c*2 < min(h, w) || h == w && c < h || c == 1
}
