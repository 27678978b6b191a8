package tiling

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
	"github.com/distillmesh/distillmesh/train/data"
)

// Limits of spread tiles.
const (
	spreadMost    = 6000 // samples of a class among which neighbors are sought
	spreadStretch = 1.4  // of a value about its class mean, at most
	spreadColor   = 4    // in color, whose averages are blurred more
	spreadGroupBy = 32   // values that the groups are found by: of a code those of the lowest frequencies
	// An image is stretched further, in so many steps by a factor, while it is as near to a
	// sample as a real one, with some distance to spare for rounding.
	apartSteps  = 12
	apartFactor = 1.1
	apartLeast  = 1.1 * distill.RealThreshold
)

// spread appends, as pixels, means of a sample and of its nine nearest, one from each of as
// many groups of similar samples as there are tiles, and stretches them about the mean of
// the class,
//
//	x_j = mean_j + g_j (x_j - mean_j),  g_j = deviation of samples / deviation of the x_j, within 1 and 1.4 (in color 4)
//
// for averages lie closer together than samples do, most of all in their fine detail. No
// image is left close to a sample where further stretching prevents it. The samples are of
// one class, at least as many as tiles and distill.LeastGroup.
func (s Start) spread(ctx context.Context, out []float32, samples *data.Samples, rng *rand.Rand) ([]float32, error) {
	rows, err := s.Form.rows(samples)
	if err != nil {
		return nil, err
	}
	seeds, err := oneOfEach(ctx, rows, s.PerClass, rng)
	if err != nil {
		return nil, err
	}
	var x []float32
	for _, at := range seeds {
		x = appendNeighbors(x, rows, at)
	}
	mean, deviation := around(rows, len(rows[0]))
	k, most := len(mean), spreadStretch
	if samples.Shape.C == 3 {
		most = spreadColor
	}
	for j := range mean {
		have := 0.0
		for i := j; i < len(x); i += k {
			have += (float64(x[i]) - mean[j]) * (float64(x[i]) - mean[j]) / float64(s.PerClass)
		}
		g := 1.0
		if have > 0 {
			g = min(max(deviation[j]/math.Sqrt(have), 1), most)
		}
		for i := j; i < len(x); i += k {
			x[i] = float32(mean[j] + g*(float64(x[i])-mean[j]))
		}
	}
	if err := s.Form.keepApart(ctx, x, rows, mean); err != nil {
		return nil, err
	}
	if s.Form.code != nil {
		if x, err = s.Form.code.Inverse(x); err != nil {
			return nil, err
		}
	}
	return append(out, x...), nil
}

// rows are samples as values that lie as far apart as the samples do: coefficients, of
// tiles pixels.
func (f Form) rows(s *data.Samples) ([][]float32, error) {
	x := s.X
	if f.code != nil {
		var err error
		if x, err = f.code.Forward(x); err != nil {
			return nil, err
		}
	}
	out := make([][]float32, s.Len())
	for i := range out {
		k := len(x) / len(out)
		out[i] = x[i*k : (i+1)*k]
	}
	return out, nil
}

// oneOfEach draws a row from each of n groups of similar rows; from all of them for groups
// without one.
func oneOfEach(ctx context.Context, rows [][]float32, n int, rng *rand.Rand) ([]int, error) {
	short := make([][]float32, len(rows))
	for i, row := range rows {
		short[i] = row[:min(len(row), spreadGroupBy)]
	}
	group, err := cluster.KMeans(ctx, short, n, startRounds, rng)
	if err != nil {
		return nil, err
	}
	out, seen := make([]int, n), make([]int, n)
	for i := range out {
		out[i] = rng.IntN(len(rows))
	}
	for i, k := range group {
		if seen[k]++; rng.IntN(seen[k]) == 0 {
			out[k] = i
		}
	}
	return out, nil
}

// keepApart stretches images, as rows of values, about the mean of their class while they
// count as real, both rounded as the code rounds them.
func (f Form) keepApart(ctx context.Context, x []float32, rows [][]float32, mean []float64) error {
	k := len(mean)
	real := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: k}, Classes: 1, Y: make([]int, len(rows))}
	for _, row := range rows {
		real.X = append(real.X, f.rounded(row)...)
	}
	samples := distill.CompareWith(real, data.NewFormation(1))
	near := make([]int, len(x)/k)
	for i := range near {
		near[i] = i
	}
	for range apartSteps {
		images := &data.Samples{Shape: real.Shape, Classes: 1, Y: make([]int, len(near))}
		for _, i := range near {
			images.X = append(images.X, f.rounded(x[i*k:(i+1)*k])...)
		}
		d, err := samples.Disclose(ctx, images)
		if err != nil {
			return err
		}
		var still []int
		for a, i := range near {
			if d.Ratio[a] >= apartLeast {
				continue
			}
			still = append(still, i)
			for j, m := range mean {
				x[i*k+j] = float32(m + apartFactor*(float64(x[i*k+j])-m))
			}
		}
		if near = still; len(near) == 0 {
			break
		}
	}
	return nil
}

// rounded is a row of coefficients as the code rounds it; of tiles the row.
func (f Form) rounded(row []float32) []float32 {
	if f.code == nil {
		return row
	}
	return f.code.Dequantize(f.code.Quantize(row))
}

// KeepApart stretches learned images of a code, in place, about the means of their classes
// while they count as real samples. Values are those of all held classes, perClass images
// each. Tiles, and classes too small for groups, are left as they are.
func (f Form) KeepApart(ctx context.Context, samples *data.Samples, values []float32, perClass int) error {
	if f.code == nil {
		return nil
	}
	size := perClass * f.code.Len()
	byClass := samples.ByClass()
	for at, class := range samples.Held() {
		members := byClass[class]
		if len(members) < distill.LeastGroup {
			continue
		}
		rows, err := f.rows(samples.Subset(members))
		if err != nil {
			return err
		}
		mean, _ := around(rows, f.code.Len())
		part := values[at*size : (at+1)*size]
		for i := range part {
			part[i] *= f.unit[i%len(f.unit)]
		}
		if err := f.keepApart(ctx, part, rows, mean); err != nil {
			return err
		}
		for i := range part {
			part[i] /= f.unit[i%len(f.unit)]
		}
	}
	return nil
}
