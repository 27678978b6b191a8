package frequency

import (
	"math/bits"

	"github.com/distillmesh/distillmesh/train/spectrum"
)

// scale is 1 in the fixed-point means of levels.
const scale = 256

// Sizes of contexts.
const (
	buckets = 25 // of the expected magnitude, half octaves
	lean    = 5  // of the mean of a class, either way
	signs   = 9  // of two neighbors
	unary   = 15 // magnitudes from here on are coded by their number of digits
	// mostDigits of a magnitude behind the first: spectrum.MaxLevel has them all.
	mostDigits = 13
	bins       = unary - 1 + mostDigits // behind the first
)

// coefficient is what the model knows of a kept coefficient beforehand.
type coefficient struct {
	prior int64 // expected magnitude of its levels, in scale
	near  []int // neighbors in frequency, coded before it
	sign  [2]int
}

// around are the neighbors that tell of a magnitude, and those that tell of a sign, by
// channel, u and v: the last of near is the same place in the channel before.
var (
	around  = [...][3]int{{0, -1, 0}, {0, 0, -1}, {0, -1, -1}, {0, -2, 0}, {0, 0, -2}, {-1, 0, 0}}
	aligned = [2][3]int{{0, -2, 0}, {0, 0, -2}}
)

// coefficients prepares the model of a transform.
func (t *Coder) coefficients() []coefficient {
	s, kept := t.Shape(), t.Places()
	number := make([]int, s.Size()) // 1 more than that of the kept coefficient at a place
	for k, p := range kept {
		number[(p.C*s.H+p.U)*s.W+p.V] = k + 1
	}
	earlier := func(k int, by [3]int) int {
		c, u, v := kept[k].C+by[0], kept[k].U+by[1], kept[k].V+by[2]
		if min(c, u, v) < 0 {
			return -1
		}
		if j := number[(c*s.H+u)*s.W+v] - 1; j < k {
			return j
		}
		return -1
	}
	out := make([]coefficient, len(kept))
	for k := range out {
		c := &out[k]
		c.prior = int64(min(kept[k].Sigma/t.Steps()[k], spectrum.MaxLevel) * 192)
		if c.prior < scale/2 {
			c.prior = c.prior * c.prior / (scale / 2)
		}
		c.prior = max(c.prior, 1)
		for _, by := range around {
			if j := earlier(k, by); j >= 0 {
				c.near = append(c.near, j)
			}
		}
		for i, by := range aligned {
			c.sign[i] = earlier(k, by)
		}
	}
	return out
}

// history is what was coded of a class at a coefficient, and its counters.
type history struct {
	sum, magnitude int64
	nonzero, sign  counter
}

// shared is what was coded at a coefficient, whatever the class, and its counters.
type shared struct {
	magnitude int64
	more      [bins]counter
	sign      [signs]counter
}

// model predicts levels in the order of images, and of coefficients in an image.
type model struct {
	known   []coefficient
	all     []shared
	images  int64
	classes map[int]*class

	nonzero [buckets]counter
	more    [bins * buckets]counter
	lean    [2*lean + 1]counter
	signed  [signs * (2*lean + 1)]counter

	mixZero, mixMore, mixSign mixer

	expected []int64 // of the image, by coefficient, in scale
}

// class is what was coded of a class.
type class struct {
	images int64
	at     []history
}

// share is a weight, in hundredths.
func share(hundredths ...int64) mixer {
	for i, h := range hundredths {
		hundredths[i] = h * one / 100
	}
	return mixer{hundredths}
}

func newModel(known []coefficient) *model {
	m := &model{known: known, all: make([]shared, len(known)), classes: map[int]*class{},
		expected: make([]int64, len(known)),
		mixZero:  share(60, 40), mixMore: share(60, 50), mixSign: share(50, 40, 50, 30)}
	for i := range m.nonzero {
		m.nonzero[i] = guess(nonzeroOdds(i), 6)
	}
	for i := range m.more {
		m.more[i] = guess(moreOdds(i%buckets), 6)
	}
	for k := range m.all {
		b := bucket(lg(known[k].prior))
		for j := range m.all[k].more {
			m.all[k].more[j] = guess(moreOdds(b), 3)
		}
		for j := range m.all[k].sign {
			m.all[k].sign[j] = guess(0, 2)
		}
	}
	for i := range m.lean {
		m.lean[i] = guess((i-lean)*leanOdds, 6)
	}
	for i := range m.signed {
		m.signed[i] = guess((i%(2*lean+1)-lean)*leanOdds, 3)
	}
	return m
}

// Logarithms of odds that counters start from.
const (
	halfOctave = 89 // ln 2 / 2
	leanOdds   = 80
)

func nonzeroOdds(bucket int) int { return halfOctave * (bucket - buckets/2 + 1) }
func moreOdds(bucket int) int    { return halfOctave * (bucket - buckets/2 - 1) }

// lg is 16 times the logarithm to base 2 of x > 0, its fraction interpolated linearly.
func lg(x int64) int64 {
	n := int64(bits.Len64(uint64(x))) - 1
	return 16*n + (x<<4>>n)&15
}

// lgScale is lg(scale).
const lgScale = 16 * 8

// bucket is the context of an expected magnitude with the logarithm l.
func bucket(l int64) int { return int(clip((l-lgScale+4)>>3, buckets/2)) + buckets/2 }

// clip keeps v within most of 0.
func clip(v, most int64) int64 { return min(max(v, -most), most) }

// class finds what is known of a class.
func (m *model) class(label int) *class {
	c := m.classes[label]
	if c == nil {
		c = &class{at: make([]history, len(m.known))}
		for k := range c.at {
			c.at[k].nonzero, c.at[k].sign = guess(nonzeroOdds(bucket(lg(m.known[k].prior))), 3), guess(0, 2)
		}
		m.classes[label] = c
	}
	return c
}

// image codes the levels of an image of a class: it writes them, or fills them in. It
// reports whether the stream was long enough.
func (m *model) image(b binary, levels []int32, label int) bool {
	c := m.class(label)
	for k := range levels {
		m.level(b, levels, k, c)
	}
	c.images++
	m.images++
	return !b.failed()
}

// magnitude is the context of how large a level is: the bucket of its expectation, from
// the levels of the coefficient before it, times what its neighbors are to theirs.
func (m *model) magnitude(levels []int32, k int, c *class) int {
	known, h := &m.known[k], &c.at[k]
	mean := (scale*m.all[k].magnitude + 4*known.prior) / (m.images + 4)
	e := max((scale*h.magnitude+4*mean)/(c.images+4), 1)
	m.expected[k] = e
	found, expected := int64(scale), int64(scale)
	for _, j := range known.near {
		found += scale * abs(levels[j])
		expected += m.expected[j]
	}
	return bucket(lg(e) + lg(found) - lg(expected))
}

// leaning is the context of where the mean of a class lies, in thirds of the expected
// magnitude.
func (m *model) leaning(k int, c *class) int {
	sum, d := c.at[k].sum, max(m.expected[k], leastSpread)
	thirds := min((6*scale*max(sum, -sum)/(c.images+2)+d)/(2*d), lean)
	if sum < 0 {
		return lean - int(thirds)
	}
	return lean + int(thirds)
}

// leastSpread bounds the expected magnitude that the mean of a class is compared with.
const leastSpread = scale * 3 / 10

// around is the context of the signs of two neighbors.
func (m *model) around(levels []int32, k int) int {
	out := 0
	for _, j := range m.known[k].sign {
		out *= 3
		switch {
		case j < 0 || levels[j] == 0:
			out++
		case levels[j] > 0:
			out += 2
		}
	}
	return out
}

// level codes one level.
func (m *model) level(b binary, levels []int32, k int, c *class) {
	bucket, h, all := m.magnitude(levels, k, c), &c.at[k], &m.all[k]
	q := levels[k]
	if m.mixZero.bit(b, digit(q != 0), &m.nonzero[bucket], &h.nonzero) == 0 {
		levels[k] = 0
		return
	}
	leaning, around := m.leaning(k, c), m.around(levels, k)
	positive := m.mixSign.bit(b, digit(q > 0), &m.lean[leaning], &h.sign, &all.sign[around],
		&m.signed[around*(2*lean+1)+leaning])
	size := m.size(b, abs(q), bucket, all)
	levels[k] = int32(size)
	if positive == 0 {
		levels[k] = -levels[k]
	}
	all.magnitude += size
	h.magnitude += size
	h.sum += int64(levels[k])
}

// size codes a magnitude of at least 1: unary below the magnitude unary; from there on
// its distance from it, plus 1, by the number of its digits, unary, and those behind the
// first.
func (m *model) size(b binary, size int64, bucket int, all *shared) int64 {
	larger := func(j int, yes bool) bool {
		return m.mixMore.bit(b, digit(yes), &m.more[j*buckets+bucket], &all.more[j]) == 1
	}
	for j := range int64(unary - 1) {
		if !larger(int(j), size > j+1) {
			return j + 1
		}
	}
	rest, digits := size-unary+1, 0
	for digits < mostDigits && larger(unary-1+digits, rest>>(digits+1) != 0) {
		digits++
	}
	read := int64(1)
	for i := digits - 1; i >= 0; i-- {
		read = read<<1 | int64(b.code(int(rest>>i&1), one/2))
	}
	return read + unary - 1
}

func abs(q int32) int64 { return int64(max(q, -q)) }

// digit is 1 for true.
func digit(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
