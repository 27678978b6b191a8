// Package cluster groups rows by k-means with sums in float64, so that the result does
// not depend on the processor's kernels.
package cluster

import (
	"context"
	"math/rand/v2"
)

// KMeans assigns each row to one of k clusters: k-means++ seeding, then rounds
// of Lloyd's algorithm until no assignment changes. An empty cluster takes the
// row farthest from its center. There must be at least k rows; no cluster stays empty. It works on
// one core and fails only with ctx's error.
func KMeans(ctx context.Context, x [][]float32, k, rounds int, rng *rand.Rand) ([]int, error) {
	center, err := plusPlus(ctx, x, k, rng)
	if err != nil {
		return nil, err
	}
	assign := make([]int, len(x))
	a := newAssigner(x, k)
	defer a.close()
	for round := range rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		moved := a.nearest(center, assign)
		refill(x, center, assign)
		if moved == 0 && round > 0 {
			break
		}
		for c := range center {
			center[c] = Mean(Rows(x, assign, c))
		}
	}
	return assign, nil
}

// plusPlus draws centers with probability proportional to the squared distance
// to the nearest center so far (Arthur and Vassilvitskii 2007).
func plusPlus(ctx context.Context, x [][]float32, k int, rng *rand.Rand) ([][]float64, error) {
	center := [][]float64{Mean(x[rng.IntN(len(x)):][:1])}
	dist := make([]float64, len(x))
	for len(center) < k {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		total := 0.0
		for i, row := range x {
			if d := Distance2(row, center[len(center)-1]); len(center) == 1 || d < dist[i] {
				dist[i] = d
			}
			total += dist[i]
		}
		pick, target := len(x)-1, rng.Float64()*total
		for i, d := range dist {
			if target -= d; target < 0 {
				pick = i
				break
			}
		}
		center = append(center, Mean(x[pick:pick+1]))
	}
	return center, nil
}

func refill(x [][]float32, center [][]float64, assign []int) {
	size := make([]int, len(center))
	for _, c := range assign {
		size[c]++
	}
	for c := range center {
		if size[c] > 0 {
			continue
		}
		far, at := -1.0, 0
		for i, row := range x {
			if d := Distance2(row, center[assign[i]]); d > far && size[assign[i]] > 1 {
				far, at = d, i
			}
		}
		size[assign[at]]--
		assign[at], size[c] = c, 1
	}
}

// Rows are the rows of cluster c.
func Rows(x [][]float32, assign []int, c int) [][]float32 {
	var out [][]float32
	for i, a := range assign {
		if a == c {
			out = append(out, x[i])
		}
	}
	return out
}

// Distance2 is the squared distance between a row and a center.
func Distance2(row []float32, center []float64) float64 {
	sum := 0.0
	for j, v := range row {
		d := float64(v) - center[j]
		sum += d * d
	}
	return sum
}

// Centroids groups rows by KMeans and returns the mean and the size of each of
// the k groups.
func Centroids(ctx context.Context, x [][]float32, k, rounds int, rng *rand.Rand) (mean [][]float64, size []int,
	err error) {
	assign, err := KMeans(ctx, x, k, rounds, rng)
	if err != nil {
		return nil, nil, err
	}
	for c := range k {
		rows := Rows(x, assign, c)
		mean, size = append(mean, Mean(rows)), append(size, len(rows))
	}
	return mean, size, nil
}

// Mean is the mean of rows, taken in float64.
func Mean(x [][]float32) []float64 {
	mean := make([]float64, len(x[0]))
	for _, row := range x {
		for j, v := range row {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= float64(len(x))
	}
	return mean
}
