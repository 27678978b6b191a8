package exchange

import (
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/array"
)

const valuesHint = "say what values are with --values unit (0 to 1), byte (0 to 255), standard ((pixel - mean) / std" +
	", with --mean and --std) or task (as standard, with the constants of the task)"

// Bounds of guesses about values.
const (
	slack = 1e-3 // beyond white, by rounding
	// least is the smallest largest value that pixels up to 255 are taken for: a dark image has one.
	least = 16
	// far is the largest value of a standardized image that is taken for one.
	far = 20
)

// maxValues bounds the values of images, which are float32 in memory.
const maxValues = 1 << 28

// values brings images to task space.
func (r *reading) values(out *Foreign, s *data.Samples, n *array.Numbers, rec *record) error {
	if n.Len() > maxValues {
		return wrong(r.path, ErrTooLarge, "import fewer images", "%d values of images, at most %d", n.Len(), maxValues)
	}
	out.Low, out.High = math.Inf(1), math.Inf(-1)
	for i := range n.Len() {
		out.Low, out.High = min(out.Low, n.At(i)), max(out.High, n.At(i))
	}
	if r.byRecord(out, s, n, rec) {
		return r.finiteX(s)
	}
	var err error
	if out.Values = r.opt.Values; out.Values == "" {
		if out.Values, err = r.guess(out, n); err != nil {
			return err
		}
	}
	if r.task.IsTable() && (out.Values == Unit || out.Values == Byte) {
		return wrong(r.path, ErrValues, "write --values standard or task", "values %q are pixels, and task %s is of a table",
			out.Values, r.task.Name)
	}
	if out.Values == Standard || out.Values == InTask {
		out.Mean, out.Std = r.constants(out.Values)
	}
	r.convert(out, s, n)
	r.saw(out)
	return r.finiteX(s)
}

// guess tells from the range of values what they are, and says so.
func (r *reading) guess(out *Foreign, n *array.Numbers) (Values, error) {
	low, high := out.Low, out.High
	say := func(v Values, why string) (Values, error) {
		r.account.Assume("values", "--values", "values from %.4g to %.4g are taken for %s", low, high, why)
		return v, nil
	}
	switch {
	case r.opt.Mean != nil:
		return Standard, nil
	case r.task.IsTable():
		return "", wrong(r.path, ErrValues, "write --values standard with --mean and --std, or --values task",
			"features from %.4g to %.4g", low, high)
	case low >= -slack && high <= 1+slack:
		return say(Unit, "pixels from 0 to 1")
	case n.Bytes != nil, low >= -.5 && high > least && high <= 255.5:
		return say(Byte, "pixels from 0 to 255")
	case low >= -slack:
	case low >= -1-slack && high <= 1+slack && high-low > 1.5:
		return "", wrong(r.path, ErrValues, "write --values standard --mean 0.5 --std 0.5, or --values standard",
			"values from %.4g to %.4g could be standardized by 0.5 and 0.5, or by other constants", low, high)
	case low >= -far && high <= far:
		return say(Standard, "standardized images")
	}
	return "", wrong(r.path, ErrValues, valuesHint, "values from %.4g to %.4g", low, high)
}

// constants are those that values were standardized with, one for each channel.
func (r *reading) constants(v Values) (mean, std []float64) {
	mean, std = r.task.Mean, r.task.Std
	if v == InTask {
		return mean, std
	}
	if r.opt.Mean != nil {
		return spread(r.opt.Mean, len(mean)), spread(r.opt.Std, len(mean))
	}
	whose := "of the task"
	if o := officialOf(r.task); o != nil {
		mean, std, whose = o.mean, o.std, "that the DD-Ranking package has for "+o.name
	}
	r.account.Assume("constants", "--mean and --std", "the constants of standardized values are those %s: mean %v, std %v",
		whose, mean, std)
	return mean, std
}

// spread repeats a single constant.
func spread(all []float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = all[i%len(all)]
	}
	return out
}

// convert fills the samples: pixels are standardized as local data are, and standardized values
// stay the same bits where the constants are those of the task.
func (r *reading) convert(out *Foreign, s *data.Samples, n *array.Numbers) {
	s.X = make([]float32, n.Len())
	size := r.task.Shape.Size()
	plane := size / r.task.Constants()
	for i := range s.X {
		c := i % size / plane
		switch v := n.At(i); {
		case out.Values == Unit:
			s.X[i] = float32(v)
		case out.Values == Byte:
			s.X[i] = float32(v) / 255
		case out.Mean[c] == r.task.Mean[c] && out.Std[c] == r.task.Std[c]:
			s.X[i] = float32(v)
		default:
			s.X[i] = float32((v*out.Std[c] + out.Mean[c] - r.task.Mean[c]) / r.task.Std[c])
		}
	}
	if out.Values == Unit || out.Values == Byte {
		for from := 0; from < len(s.X); from += size {
			r.task.Standardize(s.X[from : from+size])
		}
	}
	out.Dark, out.Light = pixelRange(r.task, s.X)
}

// pixelRange is the range of the pixels that values in task space mean.
func pixelRange(task *data.Task, x []float32) (dark, light float64) {
	dark, light = math.Inf(1), math.Inf(-1)
	size := task.Shape.Size()
	plane := size / task.Constants()
	for i, v := range x {
		c := i % size / plane
		p := float64(v)*task.Std[c] + task.Mean[c]
		dark, light = min(dark, p), max(light, p)
	}
	return dark, light
}

// saw notes what the values mean, so that a wrong guess shows.
func (r *reading) saw(out *Foreign) {
	if r.task.IsTable() {
		return
	}
	text := fmt.Sprintf("as pixels, values are from %.4g to %.4g, where 0 is black and 1 is white", out.Dark, out.Light)
	if out.Dark < -1 || out.Light > 2 {
		r.account.Warn("far-from-pixels", "--values", "%s: are they what they were taken for? whitened images look so too",
			text)
		return
	}
	r.account.See("pixels", "%s", text)
}
