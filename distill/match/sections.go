package match

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
)

// section is a part of a class and the tiles that stand for it.
type section struct {
	class   int
	members []int
}

// sections cuts every class held into parts of equal size: as many as asked for,
// or the largest number below that divides the tiles of a class and leaves
// distill.LeastGroup samples to a tile's part.
func (r *run) sections(ctx context.Context) (out []section, err error) {
	for _, class := range r.held {
		members := r.members[class]
		parts := [][]int{members}
		if r.parts > 1 {
			small := r.formation.Down(r.req.Samples.Subset(members))
			rows := make([][]float32, small.Len())
			for i := range rows {
				rows[i] = small.Row(i)
			}
			parts = nil
			for _, part := range halve(rows, r.parts, data.Stream(r.req.Seed, r.method.Name()+"-parts", uint64(class))) {
				for i, at := range part {
					part[i] = members[at]
				}
				slices.Sort(part)
				parts = append(parts, part)
			}
		}
		for _, part := range parts {
			out = append(out, section{class, part})
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// partsOf is how many parts of a class there are.
func (r *run) partsOf() int {
	parts := min(r.Parts, r.perClass)
	for _, class := range r.held {
		parts = min(parts, len(r.members[class])/distill.LeastGroup)
	}
	for parts > 1 && r.perClass%parts != 0 {
		parts--
	}
	return max(1, parts)
}

// start makes the tiles of all sections.
func (r *run) start(ctx context.Context) ([]float32, error) {
	s := tiling.Start{Samples: r.req.Samples, Formation: r.formation, PerClass: r.perSection, Kind: r.Start, Seed: r.req.Seed, Purpose: r.method.Name() + "-start"}
	if r.parts == 1 {
		first, err := s.Tiles(ctx)
		if err != nil {
			return nil, err
		}
		return first.X, nil
	}
	var out []float32
	for i, sec := range r.secs {
		s.Samples, s.Purpose = r.req.Samples.Subset(sec.members), fmt.Sprintf("%s-start-%d", r.method.Name(), i)
		tiles, err := s.Tiles(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, tiles.X...)
	}
	return out, nil
}

// halve cuts rows into n parts of equal size, or nearly, whose rows are alike: in
// two along the direction in which they differ most, and each part again.
func halve(rows [][]float32, n int, rng *rand.Rand) [][]int {
	index := make([]int, len(rows))
	for i := range index {
		index[i] = i
	}
	return halveIndex(rows, index, n, rng)
}

func halveIndex(rows [][]float32, index []int, n int, rng *rand.Rand) [][]int {
	if n == 1 {
		return [][]int{index}
	}
	along := principal(rows, index, rng)
	slices.SortStableFunc(index, func(a, b int) int { return cmp.Compare(along[a], along[b]) })
	left := n / 2
	at := len(index) * left / n
	return append(halveIndex(rows, index[:at:at], left, rng), halveIndex(rows, index[at:], n-left, rng)...)
}

// powerRounds is how often the covariance is applied to find its first
// eigenvector; the cut needs no more than a rough one.
const powerRounds = 12

// principal is each row's coordinate along the first principal component of the
// rows at index.
func principal(rows [][]float32, index []int, rng *rand.Rand) map[int]float64 {
	d := len(rows[index[0]])
	mean, axis := make([]float64, d), make([]float64, d)
	for _, i := range index {
		for j, v := range rows[i] {
			mean[j] += float64(v) / float64(len(index))
		}
	}
	for j := range axis {
		axis[j] = rng.NormFloat64()
	}
	along := map[int]float64{}
	for round := range powerRounds + 1 {
		for _, i := range index {
			sum := 0.0
			for j, v := range rows[i] {
				sum += (float64(v) - mean[j]) * axis[j]
			}
			along[i] = sum
		}
		if round == powerRounds {
			break
		}
		clear(axis)
		length := 0.0
		for _, i := range index {
			for j, v := range rows[i] {
				axis[j] += (float64(v) - mean[j]) * along[i]
			}
		}
		for _, v := range axis {
			length += v * v
		}
		if length == 0 {
			break // all rows are the same
		}
		for j := range axis {
			axis[j] /= math.Sqrt(length)
		}
	}
	return along
}
