package coreset

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// class is the samples of one class, averaged to a tile's size.
type class struct {
	rows [][]float32
	n    int // tiles to make; there are at least as many rows
	rng  *rand.Rand
}

// outline is the outline of a set of methods that pick or average samples.
func outline(req distill.Request) (distill.Outline, error) {
	f, err := req.Asked()
	return distill.Outline{Formation: f, Grouped: true, Natural: true}, err
}

// ofReal is the outline of a set of real samples.
func ofReal(req distill.Request) (distill.Outline, error) {
	o, err := outline(req)
	o.Real = true
	return o, err
}

// builder makes the n tiles of a class and returns the smallest number of
// samples averaged into one.
type builder func(ctx context.Context, c class) (tiles [][]float32, group int, err error)

// byClass makes a set class by class, one class per worker at a time.
func byClass(ctx context.Context, req distill.Request, purpose string, build builder) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	f, members, held := req.StoredAs(req.Formation), req.Samples.ByClass(), req.Samples.Held()
	for _, c := range held {
		if n := req.IPC * f.Tiles(); len(members[c]) < n {
			return nil, fmt.Errorf("%w: class %d has %d, the formation asks for %d", distill.ErrTooFew, c, len(members[c]), n)
		}
	}
	pool := kernel.NewPool(min(parallel.Workers(req.Device.Workers), len(held)))
	defer pool.Close()
	out := &data.Samples{Shape: f.TileShape(req.Samples.Shape), Classes: req.Samples.Classes}
	smallest := math.MaxInt
	type made struct {
		tiles [][]float32
		group int
		err   error
	}
	for from := 0; from < len(held); from += pool.Workers() {
		some := held[from:min(len(held), from+pool.Workers())]
		all := make([]made, len(some))
		pool.Each(len(some), func(i int) {
			c := class{tileRows(req.Samples, members[some[i]], f), req.IPC * f.Tiles(),
				data.Stream(req.Seed, purpose, uint64(some[i]))}
			all[i].tiles, all[i].group, all[i].err = build(ctx, c)
		})
		for i, m := range all {
			if m.err != nil {
				return nil, m.err
			}
			for _, tile := range m.tiles {
				out.X, out.Y = append(out.X, tile...), append(out.Y, some[i])
			}
			smallest = min(smallest, m.group)
		}
		req.Report(distill.Progress{Done: from + len(some), Total: len(held), Loss: math.NaN()})
	}
	images, err := f.Pack(out)
	if err != nil {
		return nil, err
	}
	return &distill.Result{Images: images, Formation: f, SmallestGroup: smallest}, nil
}

// tileRows are samples at a tile's size; plain ones alias the samples.
func tileRows(s *data.Samples, index []int, f data.Formation) [][]float32 {
	if f.Factor > 1 {
		s = f.Down(s.Subset(index))
	}
	rows := make([][]float32, len(index))
	for i, j := range index {
		if f.Factor > 1 {
			j = i
		}
		rows[i] = s.Row(j)
	}
	return rows
}

// real publishes the rows that a method picks: raw data, so the group is one.
func real(pick func(ctx context.Context, x [][]float32, n int) ([]int, error)) builder {
	return func(ctx context.Context, c class) ([][]float32, int, error) {
		index, err := pick(ctx, c.rows, c.n)
		if err != nil {
			return nil, 0, err
		}
		tiles := make([][]float32, len(index))
		for i, j := range index {
			tiles[i] = c.rows[j]
		}
		return tiles, 1, nil
	}
}
