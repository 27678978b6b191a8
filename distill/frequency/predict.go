package frequency

import "math"

// Probabilities are predicted as in PAQ by logistic mixing: adaptive counters under
// several contexts each give the logarithm of their odds, and a weighted sum of these,
// whose weights learn, gives the probability. All in integers.

const (
	// unit is the natural logarithm 1 of odds.
	unit = 256
	// farthest are the logarithms of odds of the surest prediction.
	farthest = 2047
	// leastP keeps probabilities away from 0 and 1.
	leastP = 32
	// rate of the learning of weights, in 2^-16 per unit.
	rate = 5
	// steady is how many bits a counter averages over.
	steady = 255
)

// squash gives the probability of logarithms of odds, from -farthest on; stretch is
// the reverse, of probabilities in 4096ths. A test shows that no entry lies near the
// boundary of rounding, so that all devices have the same tables.
var squash, stretch = tables()

func tables() (squash [2*farthest + 1]uint32, stretch [4096]int32) {
	for i := range squash {
		squash[i] = uint32(min(max(exactSquash(i), leastP), one-leastP))
	}
	for i := range stretch {
		stretch[i] = int32(math.Floor(exactStretch(i) + 0.5))
	}
	return squash, stretch
}

func exactSquash(i int) float64 { return one / (1 + math.Exp(float64(farthest-i)/unit)) }

func exactStretch(i int) float64 { return unit * math.Log(float64(2*i+1)/float64(8191-2*i)) }

// reciprocals are, in 2^-16, how far a counter moves after so many bits.
var reciprocals = func() (out [steady + 1]int64) {
	for n := range out {
		out[n] = 2 * one / int64(2*n+3)
	}
	return out
}()

// counter is an adaptive probability of a one: the average of the first bits, with a
// first guess that counts for some bits, later an exponential average.
type counter struct {
	p    uint16
	seen uint8
}

// guess is a counter with given logarithms of odds.
func guess(odds int, bits uint8) counter {
	return counter{uint16(squash[min(max(odds, -farthest), farthest)+farthest]), bits}
}

func (c *counter) update(bit int) {
	p := int64(c.p)
	p += (int64(bit)*one - p) * reciprocals[c.seen] >> 16
	c.p = uint16(min(max(p, leastP), one-leastP))
	if c.seen < steady {
		c.seen++
	}
}

// mixer codes bits of one kind.
type mixer struct{ weights []int64 }

// bit codes a bit predicted by counters, one per weight.
func (m *mixer) bit(b binary, bit int, counters ...*counter) int {
	var odds [4]int64
	sum := int64(0)
	for i, c := range counters {
		odds[i] = int64(stretch[c.p>>4])
		sum += m.weights[i] * odds[i]
	}
	p := squash[min(max(sum>>16, -farthest), farthest)+farthest]
	bit = b.code(bit, p)
	off := (int64(bit)*one - int64(p)) * rate
	for i, c := range counters {
		m.weights[i] += odds[i] * off >> 16
		c.update(bit)
	}
	return bit
}
