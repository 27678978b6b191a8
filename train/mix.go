package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
)

// cutMix pastes into every image x of a batch of n the same rectangle of another
// image of the batch, and mixes their label rows t by its area (Yun et al.
// 2019). With lambda uniform between 0 and 1 the sides of the rectangle are
// those of the image times sqrt(1 - lambda); its center is uniform in the image
// and it is clipped at the border.
func cutMix(rng *rand.Rand, x, t []float32, s data.Shape, n int) {
	share := math.Sqrt(1 - rng.Float64())
	top, bottom := cut(rng, s.H, share)
	left, right := cut(rng, s.W, share)
	pasted := float32((bottom-top)*(right-left)) / float32(s.H*s.W)
	from, images, labels := rng.Perm(n), slices.Clone(x), slices.Clone(t)
	size, classes := s.Size(), len(t)/n
	for i, j := range from {
		for row := range s.C * s.H {
			if y := row % s.H; y >= top && y < bottom {
				at := row * s.W
				copy(x[i*size+at+left:i*size+at+right], images[j*size+at+left:])
			}
		}
		for k := range classes {
			t[i*classes+k] += pasted * (labels[j*classes+k] - labels[i*classes+k])
		}
	}
}

// cut is the part of a side that a rectangle covers.
func cut(rng *rand.Rand, side int, share float64) (from, to int) {
	center, half := rng.Float64()*float64(side), share*float64(side)/2
	return int(math.Round(max(0, center-half))), int(math.Round(min(float64(side), center+half)))
}

// smooth is label smoothing of every label row by a share (Szegedy et al. 2016):
// t becomes (1-share) t + share/K.
func smooth(t []float32, classes int, share float64) {
	keep, rest := float32(1-share), float32(share/float64(classes))
	for i, v := range t {
		t[i] = keep*v + rest
	}
}
