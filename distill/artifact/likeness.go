package artifact

import (
	"github.com/distillmesh/distillmesh/distill/likeness"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// publishing is what a set does to images, for the search for changed copies: the averages of
// tiles, or the coefficients of a code.
func publishing(shape data.Shape, f data.Formation, t *spectrum.Quantizer) likeness.Publishing {
	if t != nil {
		return likeness.Publishing{
			Present: t.Forward,
			Center: func(row []float32) {
				for k, p := range t.Places() {
					if p.U == 0 && p.V == 0 {
						row[k] = 0
					}
				}
			},
		}
	}
	tile := f.TileShape(shape)
	tiles := func(images []float32) *data.Samples {
		return f.Down(&data.Samples{Shape: shape, Classes: 1, X: images, Y: make([]int, len(images)/shape.Size())})
	}
	return likeness.Publishing{
		Present: func(images []float32) ([]float32, error) { return tiles(images).X, nil },
		Show: func(images []float32) []float32 {
			return data.Formation{Factor: f.Factor, Single: true}.Decode(tiles(images)).X
		},
		Center: func(row []float32) {
			centerChannels(row, tile)
		},
	}
}

// centerChannels takes the mean of each channel out of an image.
func centerChannels(image []float32, s data.Shape) {
	plane := s.H * s.W
	for c := range s.C {
		sum := 0.0
		for _, v := range image[c*plane : (c+1)*plane] {
			sum += float64(v)
		}
		for j := range plane {
			image[c*plane+j] -= float32(sum / float64(plane))
		}
	}
}
