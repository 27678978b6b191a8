package recipe

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// memory is what a strategy's draws of n images fill.
func memory(s Strategy, n, h, w int) (draws [][]float32) {
	for _, shape := range s.Shapes(n, h, w) {
		size := 1
		for _, d := range shape {
			size *= d
		}
		draws = append(draws, make([]float32, size))
	}
	return draws
}

func TestDrawsStayWithinTheirRanges(t *testing.T) {
	const n, h, w = 5, 12, 8
	for _, name := range Augmentations {
		s, err := ParseStrategy(name)
		if err != nil {
			t.Fatal(err)
		}
		draws := memory(s, n, h, w)
		for seed := range uint64(60) {
			s.Draw(rand.New(rand.NewPCG(seed, 1)), n, h, w, false, draws)
			for i, part := range s.Parts() {
				for _, v := range draws[i] {
					low, high := map[string]float64{PartBright: -0.5, PartSaturate: 0, PartContrast: 0.5, PartMask: 0,
						PartTaps: -2.2}[part],
						map[string]float64{PartBright: 0.5, PartSaturate: 2, PartContrast: 1.5, PartMask: 1, PartTaps: 2.2}[part]
					if x := float64(v); math.IsNaN(x) || x < low || x > high {
						t.Fatalf("%s, seed %d: %s holds %v", name, seed, part, v)
					}
				}
			}
		}
	}
}

func TestASharedDrawIsTheSameForAllImages(t *testing.T) {
	const n, h, w = 4, 8, 8
	for _, name := range Augmentations {
		s, _ := ParseStrategy(name)
		draws := memory(s, n, h, w)
		for seed := range uint64(20) {
			s.Draw(rand.New(rand.NewPCG(seed, 2)), n, h, w, true, draws)
			for i, d := range draws {
				per := len(d) / n
				for at := per; at < len(d); at += per {
					if !slices.Equal(d[at:at+per], d[:per]) {
						t.Fatalf("%s, seed %d: draw %d differs between images", name, seed, i)
					}
				}
			}
		}
	}
}

func TestOneFamilyIsDrawnAndTheOthersDoNothing(t *testing.T) {
	s, _ := ParseStrategy(DSA)
	draws := memory(s, 2, 8, 8)
	identity := []float32{1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0}
	for seed := range uint64(100) {
		s.Draw(rand.New(rand.NewPCG(seed, 3)), 2, 8, 8, false, draws)
		active := 0
		if draws[0][0] != 0 || draws[1][0] != 1 || draws[2][0] != 1 {
			active++
		}
		if !slices.Equal(draws[3], identity) {
			active++
		}
		if slices.Contains(draws[4], 0) {
			active++
		}
		if active > 1 {
			t.Fatalf("seed %d: %d families at once", seed, active)
		}
	}
}
