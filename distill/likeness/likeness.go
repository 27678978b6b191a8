// Package likeness finds the local sample that an image is a changed copy of. A copy that
// is shifted, mirrored, turned, scaled, negated or has another brightness or contrast, or
// another label, lies far from every sample of its class, so distances alone do not show it.
//
// The distance of an image x to a sample y is that of the best of these changes t and of
// any brightness and contrast,
//
//	d(x, y) = min over t, a, b of |x - P(a t(y) + b)| / |x - mean(x)|
//
// between 0 (a copy) and about 1 (nothing in common). P is what publishing does to an image
// before it is rounded: averages of tiles, or coefficients of a code. A ratio divides the smallest d over all
// samples of all classes by what is usual among the samples themselves: the median d of a
// sample of the class of y to its nearest other sample, measured in the same way.
package likeness

import (
	"context"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// Limits of the search.
const (
	candidates = 10 // samples that are compared further
	block      = 1024
	// Samples of a class that say what is usual; of so many classes these samples of all
	// together.
	probes, manyClasses, allProbes = 16, 16, 256
)

// Suits reports whether samples of a shape have enough values to be told apart whatever their
// brightness and contrast are.
func Suits(s data.Shape) bool { return s.Size() >= 8 }

// Publishing is what publishing does to images.
type Publishing struct {
	// Present gives the values of whole images [N,C,H,W] that are published: pixels of tiles,
	// or coefficients, [N,K].
	Present func(images []float32) ([]float32, error)
	// Show, when not nil, gives what whole images look like once published and enlarged.
	Show func(images []float32) []float32
	// Center takes brightness out of a row of these values.
	Center func(row []float32)
}

// Finder compares images with local samples, on all cores. It belongs to one goroutine.
type Finder struct {
	local   *data.Samples
	publish Publishing
	sketch  *sketcher
	gray    []float32 // the samples' means over channels
	even    []float32 // sketches of the samples, for the search
	odd     []float32
	moves   []move
	members [][]int   // samples by class; all together where classes are many
	usual   []float64 // per class, the median distance to the nearest other sample; 0 until needed
}

// Open prepares the comparison with local samples of images, or of rows of tables.
func Open(local *data.Samples, p Publishing) (*Finder, error) {
	f := &Finder{local: local, publish: p, moves: moves(local.Shape)}
	var err error
	if f.sketch, err = newSketcher(local.Shape); err != nil {
		return nil, err
	}
	shown := local.X
	if p.Show != nil {
		shown = p.Show(shown)
	}
	f.gray = f.sketch.mean(shown)
	f.even, f.odd = f.sketch.forSearch(f.sketch.drawAll(f.gray))
	f.usual = make([]float64, local.Classes)
	f.members = local.ByClass()
	if len(local.Held()) > manyClasses {
		f.members = [][]int{slices.Concat(f.members...)}
	}
	return f, nil
}

// Ratios compares published images with every sample: the ratio of each, and the sample that
// it is most like, -1 for an image of one color. shown are the images in full size, rows the
// values that are published of them, before they are rounded.
func (f *Finder) Ratios(ctx context.Context, shown, rows []float32) (ratio []float64, like []int, err error) {
	n := len(shown) / f.local.Shape.Size()
	all := make([]query, n)
	for i := range all {
		size, k := f.local.Shape.Size(), len(rows)/n
		all[i] = query{shown: shown[i*size : (i+1)*size], row: rows[i*k : (i+1)*k], except: -1}
	}
	if err := f.answer(ctx, all); err != nil {
		return nil, nil, err
	}
	if err := f.learnUsual(ctx, all); err != nil {
		return nil, nil, err
	}
	ratio, like = make([]float64, n), make([]int, n)
	for i, q := range all {
		ratio[i], like[i] = math.Inf(1), -1
		for _, t := range q.fits {
			if d := t.distance / f.usual[f.group(t.sample)]; d < ratio[i] {
				ratio[i], like[i] = d, t.sample
			}
		}
	}
	return ratio, like, nil
}

// query asks which samples an image is most like.
type query struct {
	shown, row []float32
	except     int // a sample to be left out, or -1
	fits       []*fitted
	err        error
}

// answer answers queries, each on one goroutine.
func (f *Finder) answer(ctx context.Context, all []query) error {
	parallel.Each(0, len(all), func(i int) {
		q := &all[i]
		if q.err = ctx.Err(); q.err == nil {
			q.fits, q.err = f.nearest(q.shown, q.row, q.except)
		}
	})
	for _, q := range all {
		if q.err != nil {
			return q.err
		}
	}
	return nil
}

// learnUsual measures the usual distance of the classes of which samples were found.
func (f *Finder) learnUsual(ctx context.Context, found []query) error {
	var asked []query
	from := map[int]int{} // a class to its first query
	for _, q := range found {
		for _, t := range q.fits {
			class := f.group(t.sample)
			if _, ok := from[class]; ok || f.usual[class] > 0 {
				continue
			}
			from[class] = len(asked)
			for _, at := range f.probesOf(class) {
				row, err := f.publish.Present(f.local.Row(at))
				if err != nil {
					return err
				}
				shown := f.local.Row(at)
				if f.publish.Show != nil {
					shown = f.publish.Show(shown)
				}
				asked = append(asked, query{shown: shown, row: row, except: at})
			}
		}
	}
	if err := f.answer(ctx, asked); err != nil {
		return err
	}
	for class, at := range from {
		distances := make([]float64, len(f.probesOf(class)))
		for i := range distances {
			distances[i] = 1
			for _, t := range asked[at+i].fits {
				distances[i] = min(distances[i], t.distance)
			}
		}
		slices.Sort(distances)
		f.usual[class] = 1 // copies of one another, or a single sample
		if m := distances[len(distances)/2]; m > 0 {
			f.usual[class] = m
		}
	}
	return nil
}

// group is the class of a sample, or 0 where classes are many.
func (f *Finder) group(sample int) int {
	if len(f.members) == 1 {
		return 0
	}
	return f.local.Y[sample]
}

// probesOf are the samples of a class that say what is usual.
func (f *Finder) probesOf(class int) []int {
	members := f.members[class]
	n := min(len(members), probes)
	if len(f.members) == 1 {
		n = min(len(members), allProbes)
	}
	out := make([]int, n)
	for i := range out {
		out[i] = members[i*len(members)/n]
	}
	return out
}

// nearest finds the samples that an image is most like, leaving out one; none for an image of
// one color.
func (f *Finder) nearest(shown, row []float32, except int) ([]*fitted, error) {
	row = slices.Clone(row)
	f.publish.Center(row)
	if length(row) == 0 {
		return nil, nil
	}
	gray := f.sketch.mean(shown)
	fits := f.fit(f.sketch.draw(gray), f.search(gray, except))
	return fits, f.measure(row, fits)
}

// candidate is a sample that an image may be a copy of, and the change that makes the image
// most like it.
type candidate struct {
	sample, move int
	mirrored     bool
	like         float32 // correlation of the sketches, without sign
}

// search finds the samples that some change of an image is most like, by sketches.
func (f *Finder) search(gray []float32, except int) (best []candidate) {
	even, odd := f.sketch.forSearch(f.sketch.draw(f.warp(gray, f.moves)))
	for from := 0; from < f.local.Len(); from += block {
		for _, c := range f.searchBlock(even, odd, from, min(from+block, f.local.Len()), except) {
			best = keepBest(best, c)
		}
	}
	return best
}

// searchBlock searches some of the samples. The product with the mirrored image differs in the sign of
// the odd part, so the larger of both is |even| + |odd|.
func (f *Finder) searchBlock(even, odd []float32, from, to, except int) (best []candidate) {
	m, n := len(f.moves), to-from
	e, o := make([]float32, n*m), make([]float32, n*m)
	d := len(f.sketch.even)
	kernel.Gemm(false, true, n, m, d, 1, f.even[from*d:to*d], d, even, d, 0, e, m)
	if d := len(f.sketch.odd); d > 0 {
		kernel.Gemm(false, true, n, m, d, 1, f.odd[from*d:to*d], d, odd, d, 0, o, m)
	}
	least := float32(-1)
	for j := range n {
		if from+j == except {
			continue
		}
		c := candidate{sample: from + j, like: -1}
		o := o[j*m : (j+1)*m]
		for i, a := range e[j*m : (j+1)*m] {
			b := o[i]
			if v := abs(a) + abs(b); v > c.like {
				c.move, c.like, c.mirrored = i, v, a*b < 0
			}
		}
		if c.like > least {
			best = keepBest(best, c)
			if len(best) == candidates {
				least = best[candidates-1].like
			}
		}
	}
	return best
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// keepBest inserts a candidate into the best so far, in falling order.
func keepBest(best []candidate, c candidate) []candidate {
	if len(best) == candidates && best[len(best)-1].like >= c.like {
		return best
	}
	if len(best) < candidates {
		best = append(best, c)
	}
	i := len(best) - 1
	for ; i > 0 && best[i-1].like < c.like; i-- {
		best[i] = best[i-1]
	}
	best[i] = c
	return best
}

func length(row []float32) float64 {
	sum := 0.0
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
