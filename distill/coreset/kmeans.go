package coreset

import "math/rand/v2"

// KMeans assigns each row to one of k clusters: k-means++ seeding, then Lloyd
// rounds until nothing moves. An emptied cluster takes the row farthest from
// its centre.
func KMeans(x [][]float32, k, rounds int, rng *rand.Rand) []int {
	centre := plusPlus(x, k, rng)
	assign := make([]int, len(x))
	for round := range rounds {
		moved := nearestCentres(x, centre, assign)
		refill(x, centre, assign)
		if moved == 0 && round > 0 {
			break
		}
		for c := range centre {
			centre[c] = Mean(clusterRows(x, assign, c))
		}
	}
	return assign
}

// plusPlus draws centres with probability proportional to the squared distance
// to the nearest centre so far (Arthur and Vassilvitskii 2007).
func plusPlus(x [][]float32, k int, rng *rand.Rand) [][]float64 {
	centre := [][]float64{Mean(x[rng.IntN(len(x)):][:1])}
	dist := make([]float64, len(x))
	for len(centre) < k {
		total := 0.0
		for i, row := range x {
			if d := Distance2(row, centre[len(centre)-1]); len(centre) == 1 || d < dist[i] {
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
		centre = append(centre, Mean(x[pick:pick+1]))
	}
	return centre
}

func nearestCentres(x [][]float32, centre [][]float64, assign []int) (moved int) {
	for i, row := range x {
		best, at := Distance2(row, centre[0]), 0
		for c := 1; c < len(centre); c++ {
			if d := Distance2(row, centre[c]); d < best {
				best, at = d, c
			}
		}
		if assign[i] != at {
			assign[i] = at
			moved++
		}
	}
	return moved
}

func refill(x [][]float32, centre [][]float64, assign []int) {
	size := make([]int, len(centre))
	for _, c := range assign {
		size[c]++
	}
	for c := range centre {
		if size[c] > 0 {
			continue
		}
		far, at := -1.0, 0
		for i, row := range x {
			if d := Distance2(row, centre[assign[i]]); d > far && size[assign[i]] > 1 {
				far, at = d, i
			}
		}
		size[assign[at]]--
		assign[at], size[c] = c, 1
	}
}

func clusterRows(x [][]float32, assign []int, c int) [][]float32 {
	var out [][]float32
	for i, a := range assign {
		if a == c {
			out = append(out, x[i])
		}
	}
	return out
}

// Distance2 is the squared distance between a row and a centre.
func Distance2(row []float32, centre []float64) float64 {
	sum := 0.0
	for j, v := range row {
		d := float64(v) - centre[j]
		sum += d * d
	}
	return sum
}

// Centroids groups rows by k-means of at most the given rounds and returns the
// mean and the size of each of the k groups, none empty. There must be at least
// k rows.
func Centroids(x [][]float32, k, rounds int, rng *rand.Rand) (mean [][]float64, size []int) {
	assign := KMeans(x, k, rounds, rng)
	for c := range k {
		rows := clusterRows(x, assign, c)
		mean, size = append(mean, Mean(rows)), append(size, len(rows))
	}
	return mean, size
}
