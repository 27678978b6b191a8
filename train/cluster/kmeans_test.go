package cluster

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// plainNearest is the assignment by its definition.
func plainNearest(x [][]float32, center [][]float64, assign []int) {
	for i, row := range x {
		best, at := Distance2(row, center[0]), 0
		for c := 1; c < len(center); c++ {
			if d := Distance2(row, center[c]); d < best {
				best, at = d, c
			}
		}
		assign[i] = at
	}
}

// The products leave no doubt: rows that lie between centers, to the last bit
// of float32, go where float64 says.
func TestAssignmentIsTheDefinitions(t *testing.T) {
	rng := data.Stream(3, "assign-test")
	const n, d, k = 600, 37, 12
	x, center := make([][]float32, n), make([][]float64, k)
	for c := range center {
		for range d {
			center[c] = append(center[c], 100+rng.NormFloat64())
		}
	}
	center[7] = slices.Clone(center[2]) // a tie: the first counts
	for i := range x {
		a, b := center[i%k], center[(i+1+i/k)%k]
		for j := range d {
			x[i] = append(x[i], float32((a[j]+b[j])/2)) // half-way, to rounding
		}
	}
	got, want := make([]int, n), make([]int, n)
	a := newAssigner(x, k)
	defer a.close()
	a.nearest(center, got)
	plainNearest(x, center, want)
	if !slices.Equal(got, want) {
		t.Errorf("assigned %v, want %v", got, want)
	}
	if moved := a.nearest(center, got); moved != 0 {
		t.Errorf("%d rows moved among the same centers", moved)
	}
}

// Two tight pairs on a line, by hand: the centroids are 0.5 and 10.5.
func TestKMeansByHand(t *testing.T) {
	x := [][]float32{{0}, {10}, {1}, {11}}
	mean, size, err := Centroids(context.Background(), x, 2, 20, data.Stream(1, "hand"))
	if err != nil {
		t.Fatal(err)
	}
	got := []float64{mean[0][0], mean[1][0]}
	slices.Sort(got)
	if got[0] != .5 || got[1] != 10.5 || size[0] != 2 || size[1] != 2 {
		t.Errorf("centroids %v of %v, want 0.5 and 10.5 of two each", got, size)
	}
}

func TestEmptyClustersTakeTheFarthest(t *testing.T) {
	x := [][]float32{{5}, {5}, {5}, {5}, {6}}
	mean, size, err := Centroids(context.Background(), x, 3, 20, data.Stream(1, "hand"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(size, 0) || math.IsNaN(mean[0][0]+mean[1][0]+mean[2][0]) {
		t.Errorf("centroids %v of %v", mean, size)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := KMeans(ctx, x, 3, 20, data.Stream(1, "hand")); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
}
