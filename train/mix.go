package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// cutMix pastes into every image x of a batch of n the same rectangle of another
// image of the batch, and mixes their label rows t by its area (Yun et al.
// 2019). With lambda uniform between 0 and 1 the sides of the rectangle are
// those of the image times sqrt(1 - lambda); its center is uniform in the image
// and it is clipped at the border.
func cutMix(rng *rand.Rand, x, t []float32, s data.Shape, n int) {
	r := drawRectangle(rng, s, math.Sqrt(1-rng.Float64()))
	pasted := float32((r.bottom-r.top)*(r.right-r.left)) / float32(s.H*s.W)
	from, labels := rng.Perm(n), slices.Clone(t)
	r.paste(x, s, from)
	classes := len(t) / n
	for i, j := range from {
		for k := range classes {
			t[i*classes+k] += pasted * (labels[j*classes+k] - labels[i*classes+k])
		}
	}
}

// rectangle is a part of an image: rows top to bottom, columns left to right, ends excluded.
type rectangle struct{ top, bottom, left, right int }

// drawRectangle draws one of a share of each side.
func drawRectangle(rng *rand.Rand, s data.Shape, share float64) (r rectangle) {
	r.top, r.bottom = cut(rng, s.H, share)
	r.left, r.right = cut(rng, s.W, share)
	return r
}

// paste gives every image x the rectangle of another, whose index is in from.
func (r rectangle) paste(x []float32, s data.Shape, from []int) {
	images, size := slices.Clone(x), s.Size()
	for i, j := range from {
		for row := range s.C * s.H {
			if y := row % s.H; y >= r.top && y < r.bottom {
				at := row * s.W
				copy(x[i*size+at+r.left:i*size+at+r.right], images[j*size+at+r.left:])
			}
		}
	}
}

// mix mixes every image x of a batch of n with another of the batch, all by one draw of
// lambda from Beta(a, a), a being the recipe's MixBeta. MixUp makes lambda x + (1 - lambda)
// x', MixCut pastes a rectangle whose sides are those of the image times sqrt(1 - lambda).
// Labels stay.
func mix(rng *rand.Rand, r recipe.Recipe, x []float32, s data.Shape, n int) {
	lambda := distuv.Beta{Alpha: r.MixBeta, Beta: r.MixBeta, Src: rng}.Rand()
	from := rng.Perm(n)
	if r.Mix == recipe.MixCut {
		drawRectangle(rng, s, math.Sqrt(1-lambda)).paste(x, s, from)
		return
	}
	images, size, keep := slices.Clone(x), s.Size(), float32(lambda)
	for i, j := range from {
		other := images[j*size : (j+1)*size]
		for k, v := range other {
			x[i*size+k] = keep*x[i*size+k] + (1-keep)*v
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
