package frequency

import "math/bits"

// scale is 1 in the fixed-point means of levels.
const scale = 256

// Sizes of contexts.
const (
	buckets   = 25 // of the expected magnitude, half octaves
	rough     = 19 // of the expected magnitude without neighbors
	busy      = 7  // of what neighbors are to their expectation
	lean      = 5  // of the mean of a class, either way
	signs     = 9  // of two neighbors
	magnitude = 30 // bins behind the first, of them unary at first
	unary     = 15
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
	around  = [...]place{{0, -1, 0, 0}, {0, 0, -1, 0}, {0, -1, -1, 0}, {0, -2, 0, 0}, {0, 0, -2, 0}, {-1, 0, 0, 0}}
	aligned = [2]place{{0, -2, 0, 0}, {0, 0, -2, 0}}
)

// coefficients prepares the model of a transform.
func (t *Transform) coefficients() []coefficient {
	number := make(map[[3]int]int, len(t.kept))
	for k, p := range t.kept {
		number[[3]int{p.c, p.u, p.v}] = k
	}
	earlier := func(k int, by place) int {
		p := t.kept[k]
		if j, ok := number[[3]int{p.c + by.c, p.u + by.u, p.v + by.v}]; ok && j < k {
			return j
		}
		return -1
	}
	out := make([]coefficient, len(t.kept))
	for k := range out {
		c := &out[k]
		c.prior = int64(min(t.kept[k].sigma/t.steps[k], MaxLevel) * 192)
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
	more      [magnitude]counter
	sign      [signs]counter
}

// model predicts levels in the order of images, and of coefficients in an image.
type model struct {
	known   []coefficient
	all     []shared
	images  int64
	classes map[int]*class

	nonzero [buckets]counter
	mixed   [rough * busy * (lean + 1)]counter
	more    [magnitude * buckets]counter
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
		mixZero:  share(40, 30, 40), mixMore: share(60, 50), mixSign: share(50, 40, 50, 30)}
	for i := range m.nonzero {
		m.nonzero[i] = guess(nonzeroOdds(i), 6)
	}
	for i := range m.mixed {
		m.mixed[i] = guess(roughOdds(i/(busy*(lean+1)), i/(lean+1)%busy), 4)
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
func roughOdds(rough_, busy_ int) int {
	return nonzeroOdds(buckets/2) + (rough_-rough/2)*halfOctave*4/3 + (busy_-busy/2)*halfOctave
}

// lg is 16 times the logarithm to base 2 of x > 0, its fraction interpolated linearly.
func lg(x int64) int64 {
	n := int64(bits.Len64(uint64(x))) - 1
	return 16*n + (x<<4>>n)&15
}

// lgScale is lg(scale).
const lgScale = 16 * 8

// bucket is the context of an expected magnitude with the logarithm l.
func bucket(l int64) int { return int(min(max((l-lgScale+4)>>3, -buckets/2), buckets/2) + buckets/2) }

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
// reports whether they could be read.
func (m *model) image(b binary, levels []int32, label int) bool {
	c := m.class(label)
	for k := range levels {
		if !m.level(b, levels, k, c) {
			return false
		}
	}
	c.images++
	m.images++
	return !b.failed()
}

// contexts are those of a level.
type contexts struct {
	bucket, mixed, lean int
}

// context looks at what was coded before a level.
func (m *model) context(levels []int32, k int, c *class) contexts {
	known, h := &m.known[k], &c.at[k]
	mean := (scale*m.all[k].magnitude + 4*known.prior) / (m.images + 4)
	e := max((scale*h.magnitude+4*mean)/(c.images+4), 1)
	m.expected[k] = e
	found, expected := int64(scale), int64(scale)
	for _, j := range known.near {
		found += scale * abs(levels[j])
		expected += m.expected[j]
	}
	l, ratio := lg(e), lg(found)-lg(expected)
	d := max(e, scale*3/10)
	tilt := int((6*scale*absolute(h.sum)/(c.images+2) + d) / (2 * d))
	tilt = min(tilt, lean)
	r := min(max((l-lgScale)*3+16, -rough/2*32), rough/2*32+31) >> 5
	n := min(max((ratio*3+16)>>5, -(busy/2)), busy/2)
	x := contexts{bucket: bucket(l + ratio), lean: tilt,
		mixed: (int(r+rough/2)*busy+int(n+busy/2))*(lean+1) + tilt}
	if h.sum < 0 {
		x.lean = -tilt
	}
	return x
}

// level codes one level.
func (m *model) level(b binary, levels []int32, k int, c *class) bool {
	x, h, all := m.context(levels, k, c), &c.at[k], &m.all[k]
	q := levels[k]
	given := 0
	if q != 0 {
		given = 1
	}
	if m.mixZero.bit(b, given, &m.nonzero[x.bucket], &h.nonzero, &m.mixed[x.mixed]) == 0 {
		levels[k] = 0
		return true
	}
	around, leaning := 0, x.lean+lean
	for _, j := range m.known[k].sign {
		around *= 3
		if j >= 0 {
			around += 1 + sign(levels[j])
		} else {
			around++
		}
	}
	given = 0
	if q > 0 {
		given = 1
	}
	positive := m.mixSign.bit(b, given, &m.lean[leaning], &h.sign, &all.sign[around], &m.signed[around*(2*lean+1)+leaning])
	size, ok := m.size(b, int64(max(q, -q)), x.bucket, all)
	if !ok {
		return false
	}
	levels[k] = int32(size)
	if positive == 0 {
		levels[k] = -levels[k]
	}
	all.magnitude += size
	h.magnitude += size
	h.sum += int64(levels[k])
	return true
}

// size codes a magnitude of at least 1: unary up to the bin unary, from there
// exponential Golomb. It reports whether the magnitude is within MaxLevel.
func (m *model) size(b binary, size int64, bucket int, all *shared) (int64, bool) {
	bin := func(j int, more bool) bool {
		given := 0
		if more {
			given = 1
		}
		return m.mixMore.bit(b, given, &m.more[j*buckets+bucket], &all.more[j]) == 1
	}
	for j := range unary - 1 {
		if !bin(j, size > int64(j)+1) {
			return int64(j) + 1, true
		}
	}
	rest := size - unary + 1
	width := 0
	for bin(unary-1+width, rest>>(width+1) != 0) {
		if width++; width == magnitude-unary {
			return 0, false
		}
	}
	read := int64(1)
	for i := width - 1; i >= 0; i-- {
		read = read<<1 | int64(b.code(int(rest>>i&1), one/2))
	}
	read += unary - 1
	return read, read <= MaxLevel
}

func abs(q int32) int64 { return int64(max(q, -q)) }

func absolute(v int64) int64 { return max(v, -v) }

func sign(q int32) int {
	switch {
	case q > 0:
		return 1
	case q < 0:
		return -1
	}
	return 0
}
