package open

import (
	"cmp"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// whites are values of white that are in use, of whole numbers: of 4 bits, of
// scikit-learn's digits, of 8, 10, 12 and 16 bits.
var whites = []float64{15, 16, 255, 1023, 4095, 65535}

// overshoot is the share of values that rounding or resampling may leave above 1
// in floats whose white is 1.
const overshoot = 0.001

// white is the value of white in a training part, and so in the test part: the
// requested one, else that of the format, else one inferred from most of the
// values.
func (c *contents) white(asked float64) (float64, error) {
	p := c.train
	if w := cmp.Or(asked, p.White); w != 0 {
		if asked == 0 {
			c.account.See("white", "white is %g, as the format says", w)
		}
		return w, nil
	}
	least, most, at, above, whole := 0., math.Inf(-1), 0, 0, true
	n := p.NumValues()
	for i := range n {
		v := p.At(i)
		least = min(least, v)
		if v > most {
			most, at = v, i
		}
		if v > 1+whiteSlack {
			above++
		}
		whole = whole && v == math.Trunc(v)
	}
	assume := func(white float64, why string) (float64, error) {
		c.account.Assume("white", "--white", "white is %g: %s", white, why)
		if white > 16 && most*4 < white {
			c.account.Warn("dark", "--white", "no value is above %g, so that with white at %g all images are dark", most, white)
		}
		return white, nil
	}
	switch {
	case most <= 1+whiteSlack || !whole && float64(above) <= overshoot*float64(n):
		return assume(1, "hardly a value is above 1")
	case !whole && most >= 255./4 && most <= 255*(1+whiteSlack):
		return assume(255, fmt.Sprintf("values go up to %g", most))
	case whole:
		for _, w := range whites {
			if most == w || w == 255 && most < w || w > 255 && most < w && most > w/2 || w == 65535 && most > w/4 && most < w {
				return assume(w, fmt.Sprintf("values are whole numbers up to %g", most))
			}
		}
	}
	hint := "say what white is with --white"
	if least < 0 {
		hint += "; values that were standardized must be taken back first"
	}
	place := p.Where(at / p.Size())
	return 0, place.Because(fmt.Errorf("%w: values go from %g to %g, from which white cannot be told", files.ErrValue,
		least, most), hint)
}
