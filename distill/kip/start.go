package kip

import (
	"context"
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// Rounds of k-means, and samples per class and center. The start need not be
// good, only anonymous and spread out.
const (
	kmeansRounds  = 10
	kmeansSamples = 40
)

// spread is the noise that separates images that start from one center.
const spread = 0.1

// start fills images, class after class, IPC per class held. Once ctx ends it
// leaves them as they are.
func (k KIP) start(ctx context.Context, req distill.Request, images []float32) {
	members := req.Samples.ByClass()
	size := req.Samples.Shape.Size() * req.IPC
	held := req.Samples.Held()
	parallel.Each(req.Device.Workers, len(held), func(i int) {
		if ctx.Err() != nil {
			return
		}
		class := held[i]
		rng := data.Stream(req.Seed, "kip-start", uint64(class))
		out := images[i*size : (i+1)*size]
		switch {
		case k.Start == Real:
			order := rng.Perm(len(members[class]))
			for j := range req.IPC {
				copy(out[j*size/req.IPC:], req.Samples.Row(members[class][order[j]]))
			}
			return
		case k.Start == Noise || len(members[class]) < distill.LeastGroup:
			for j := range out {
				out[j] = float32(rng.NormFloat64())
			}
			return
		}
		x := make([][]float32, len(members[class]))
		for j, at := range rng.Perm(len(x)) {
			x[j] = req.Samples.Row(members[class][at])
		}
		center := centers(x, req.IPC, func(x [][]float32, n int) []int {
			groups, err := cluster.KMeans(ctx, x, n, kmeansRounds, rng)
			if err != nil {
				return make([]int, len(x)) // ctx ended: nobody will use them
			}
			return groups
		})
		for j := range out {
			at := j / (size / req.IPC)
			out[j] = float32(center[at%len(center)][j%(size/req.IPC)])
			if at >= len(center) {
				out[j] += float32(spread * rng.NormFloat64())
			}
		}
	})
}

// centers are at most n means of groups of x, each of at least distill.LeastGroup: of
// what k-means finds, the smallest group joins its members' nearest others until
// none is too small.
func centers(x [][]float32, n int, group func(x [][]float32, n int) []int) [][]float64 {
	n = min(n, len(x)/distill.LeastGroup)
	if n <= 1 {
		return [][]float64{cluster.Mean(x)}
	}
	x = x[:min(len(x), max(n*kmeansSamples, 10*kmeansSamples))]
	groups := make([][][]float32, n)
	for i, g := range group(x, n) {
		groups[g] = append(groups[g], x[i])
	}
	for {
		least := 0
		for g := range groups {
			if len(groups[g]) < len(groups[least]) {
				least = g
			}
		}
		if len(groups) == 1 || len(groups[least]) >= distill.LeastGroup {
			break
		}
		orphans := groups[least]
		groups = append(groups[:least], groups[least+1:]...)
		adopt(groups, orphans)
	}
	out := make([][]float64, len(groups))
	for g := range groups {
		out[g] = cluster.Mean(groups[g])
	}
	return out
}

// adopt gives each orphan to the group whose mean is nearest.
func adopt(groups [][][]float32, orphans [][]float32) {
	mean := make([][]float64, len(groups))
	for g := range groups {
		if len(groups[g]) > 0 {
			mean[g] = cluster.Mean(groups[g])
		}
	}
	for _, row := range orphans {
		best, at := math.Inf(1), 0
		for g := range mean {
			if mean[g] == nil {
				continue
			}
			if d := cluster.Distance2(row, mean[g]); d < best {
				best, at = d, g
			}
		}
		groups[at] = append(groups[at], row)
	}
}
