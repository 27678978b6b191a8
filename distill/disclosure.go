package distill

import (
	"context"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// RealThreshold is the relative distance below which a published image counts
// as a real one.
const RealThreshold = 0.5

// ChangedThreshold is the relative distance below which a published image counts as a changed
// copy of a sample: shifted, mirrored, turned, negated or of another contrast.
const ChangedThreshold = 0.25

// LeastGroup is the fewest samples that a published image may start from or be
// the mean of: it must not be the data of one person.
const LeastGroup = 10

// neighborSample is how many samples of a class estimate the median distance
// to the nearest neighbor; each is compared with all the others.
const neighborSample = 256

// Disclosure says how close the published images come to local samples. It is
// evidence, not a privacy guarantee.
type Disclosure struct {
	// Ratio is, for each image (each tile of a formation, in the order of
	// Formation.Decode), its distance to the nearest local sample of its class
	// at the same resolution, divided by the median distance from a sample of that class to
	// its own nearest neighbor. 0 is a copy. +Inf when the class has no local
	// sample; a class of one sample, or of identical ones, is compared with
	// the norm of the sample instead.
	Ratio []float64
	// Nearest is the local sample that Ratio was measured to, or -1.
	Nearest []int
	// Changed is, for each of the same, how far it is from any sample of any class however
	// that is changed (package likeness), divided by what is usual among samples; nil
	// where it was not measured.
	Changed []float64
}

// MaxRatio is what a larger ratio is written as, and that of no images.
const MaxRatio = 1e6

// NearestReal is the smallest ratio as the manifest holds it: rounded to four
// decimals, at most MaxRatio; 0 for NaN, since nothing is then known of the
// distance. Every decision uses this value, so that a reader of the manifest
// reaches the same one.
func (d Disclosure) NearestReal() float64 { return smallest(d.Ratio, 1e4) }

// NearestChanged is the smallest of Changed, rounded to three decimals in the same way.
func (d Disclosure) NearestChanged() float64 { return smallest(d.Changed, 1e3) }

func smallest(ratios []float64, digits float64) float64 {
	least := math.Inf(1)
	if len(ratios) > 0 {
		least = slices.Min(ratios) // NaN when any is
	}
	if math.IsNaN(least) {
		return 0
	}
	return math.Round(min(least, MaxRatio)*digits) / digits
}

// ContainsReal reports whether an image is so close to a real one, or to a changed one, that it
// counts as published raw data.
func (d Disclosure) ContainsReal() bool {
	return d.NearestReal() < RealThreshold || d.NearestChanged() < ChangedThreshold
}

// Disclose compares every image with the local samples of its class; with a
// formation, every tile with the samples averaged to a tile's size. Distances
// are computed directly, never by the expanded square, and a sample is left out
// of its own neighbors by index: float32 rounding would otherwise make the
// median of a tight class a hundred times too small. Cost: (images + 256 per
// class) x samples of the class x values.
func Disclose(ctx context.Context, images, local *data.Samples, f data.Formation) (Disclosure, error) {
	return CompareWith(local, f).Disclose(ctx, images)
}

// Comparison compares images with local samples, as Disclose does, more than once: what it
// learns of the samples is kept. It belongs to one goroutine.
type Comparison struct {
	f       data.Formation
	local   *data.Samples // at the resolution of tiles; nil until needed
	whole   *data.Samples
	members [][]int
	scale   []float64 // per class, the typical distance; 0 until needed
}

// CompareWith prepares a comparison with local samples.
func CompareWith(local *data.Samples, f data.Formation) *Comparison {
	return &Comparison{f: f, whole: local, members: local.ByClass(), scale: make([]float64, local.Classes)}
}

// Disclose compares every image with the samples of its class.
func (c *Comparison) Disclose(ctx context.Context, images *data.Samples) (Disclosure, error) {
	if err := c.f.Validate(c.f.FullShape(images.Shape)); err != nil {
		return Disclosure{}, err
	}
	images = c.f.Cut(images)
	if c.local == nil {
		c.local = c.f.Down(c.whole)
	}
	for _, class := range images.Held() {
		if c.scale[class] == 0 {
			c.scale[class] = typicalDistance(ctx, c.local, c.members[class])
		}
	}
	if err := ctx.Err(); err != nil {
		return Disclosure{}, err
	}
	out := Disclosure{Ratio: make([]float64, images.Len()), Nearest: make([]int, images.Len())}
	parallel.Each(0, images.Len(), func(i int) {
		class := images.Y[i]
		j, dist := nearest(images.Row(i), c.local, c.members[class], -1)
		out.Nearest[i], out.Ratio[i] = j, dist/c.scale[class]
		if j < 0 {
			out.Ratio[i] = math.Inf(1)
		}
	})
	return out, ctx.Err()
}

// typicalDistance is the median distance from a sample to its nearest
// neighbor within the class.
func typicalDistance(ctx context.Context, local *data.Samples, members []int) float64 {
	if len(members) == 0 {
		return 1
	}
	probes := members
	if len(members) > neighborSample {
		probes = make([]int, neighborSample)
		for i := range probes {
			probes[i] = members[i*len(members)/neighborSample]
		}
	}
	dist := make([]float64, len(probes))
	parallel.Each(0, len(probes), func(i int) {
		if ctx.Err() == nil {
			_, dist[i] = nearest(local.Row(probes[i]), local, members, probes[i])
		}
	})
	slices.Sort(dist)
	if m := dist[len(dist)/2]; m > 0 && !math.IsInf(m, 0) {
		return m
	}
	origin := make([]float32, local.Shape.Size())
	if norm := math.Sqrt(squaredDistance(local.Row(members[0]), origin, math.Inf(1))); norm > 0 {
		return norm
	}
	return 1
}

// nearest finds the closest member to x, leaving out one index.
func nearest(x []float32, local *data.Samples, members []int, except int) (index int, dist float64) {
	best := math.Inf(1)
	index = -1
	for _, j := range members {
		if j == except {
			continue
		}
		if d := squaredDistance(x, local.Row(j), best); d < best {
			best, index = d, j
		}
	}
	return index, math.Sqrt(best)
}

// squaredDistance sums (a-b)^2 and stops once the sum exceeds limit.
func squaredDistance(a, b []float32, limit float64) float64 {
	const stride = 64
	sum := 0.0
	for len(a) > 0 {
		n := min(stride, len(a))
		var s0, s1 float32
		i := 0
		for ; i+1 < n; i += 2 {
			d0, d1 := a[i]-b[i], a[i+1]-b[i+1]
			s0 += d0 * d0
			s1 += d1 * d1
		}
		if i < n {
			d := a[i] - b[i]
			s0 += d * d
		}
		if sum += float64(s0) + float64(s1); sum > limit {
			return sum
		}
		a, b = a[n:], b[n:]
	}
	return sum
}
