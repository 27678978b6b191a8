package rank

import (
	"errors"
	"math"
	"testing"
)

func TestScoresHaveTheirPublishedValues(t *testing.T) {
	for _, c := range []struct{ hlr, ior, want float64 }{
		{0, 0, 0.26894}, {.2373, .3090, 0.28447}, {1, -1, 0}, {-1, 1, 1},
	} {
		got, err := LRS(c.hlr, c.ior, Weight)
		if err != nil || math.Abs(got-c.want) > 5e-6 {
			t.Errorf("LRS(%v, %v) = %v, %v, want %v", c.hlr, c.ior, got, err, c.want)
		}
	}
	const h = 1e-6
	up, _ := LRS(0, h, Weight)
	down, _ := LRS(0, -h, Weight)
	if slope := (up - down) / (2 * h); math.Abs(slope-0.21273) > 5e-6 {
		t.Errorf("slope %v", slope)
	}
	if all, err := ARS(1, 1, Weight); err != nil || all != 1 {
		t.Errorf("ARS(1, 1) = %v, %v", all, err)
	}
	if with, _ := ARS(0.4, -0.2, 1); math.Abs(with-(math.Exp(0.4)-math.Exp(-1))/(math.E-math.Exp(-1))) > 1e-15 {
		t.Errorf("with the whole weight on augmentation: %v", with)
	}
}

// The leaderboard of February 2025: HLR and IOR in points, and the LRS in percent that they give.
func TestThePublishedTableGivesItsScores(t *testing.T) {
	for name, cells := range map[string][][3]float64{ // of 1, 10, 50 images per class
		"DC":    {{52.66, 12.40, 19.14}, {36.70, 18.54, 23.20}, {26.31, 12.34, 24.02}},
		"DSA":   {{58.93, 13.16, 18.19}, {35.14, 19.62, 23.72}, {27.41, 10.96, 23.53}},
		"DM":    {{61.37, 8.73, 17.05}, {39.37, 16.12, 22.22}, {25.06, 12.66, 24.34}},
		"MTT":   {{42.21, 27.62, 23.90}, {23.73, 30.90, 28.45}, {16.52, 20.52, 27.75}},
		"DATM":  {{26.84, 35.05, 28.68}, {18.89, 23.89, 27.97}},
		"SRe2L": {{69.86, -0.27, 14.31}, {67.82, -5.77, 13.80}},
		"RDED":  {{60.58, 2.38, 16.15}, {50.65, 1.11, 17.56}},
		"D4M":   {{51.06, 6.68, 18.43}, {39.88, 9.12, 20.83}},
	} {
		for _, c := range cells {
			got, err := LRS(c[0]/100, c[1]/100, Weight)
			if err != nil || math.Abs(100*got-c[2]) > 0.005001 {
				t.Errorf("%s: LRS(%v, %v) = %.3f, %v, want %v", name, c[0], c[1], 100*got, err, c[2])
			}
		}
	}
}

func TestPercentAndWhatIsNoNumberAreRefused(t *testing.T) {
	for _, c := range [][3]float64{{23.73, 30.90, .5}, {0, 1.01, .5}, {-1.5, 0, .5}, {math.NaN(), 0, .5},
		{0, math.Inf(1), .5}, {0, 0, 1.5}, {0, 0, math.NaN()}} {
		if v, err := LRS(c[0], c[1], c[2]); !errors.Is(err, ErrFraction) {
			t.Errorf("LRS(%v) = %v, %v", c, v, err)
		}
		if v, err := ARS(c[0], c[1], c[2]); !errors.Is(err, ErrFraction) {
			t.Errorf("ARS(%v) = %v, %v", c, v, err)
		}
	}
}

func TestKendallsTauComparesOrders(t *testing.T) {
	a := []float64{1, 2, 3, 4}
	for name, c := range map[string]struct {
		b    []float64
		want float64
	}{
		"the same order":     {[]float64{10, 20, 25, 90}, 1},
		"the reverse":        {[]float64{4, 3, 2, 1}, -1},
		"one pair exchanged": {[]float64{2, 1, 3, 4}, 4. / 6},
		"one tie":            {[]float64{1, 1, 3, 4}, 5 / math.Sqrt(6*5)},
	} {
		if got := Tau(a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := Tau(a, []float64{1, 1, 1, 1}); !math.IsNaN(got) {
		t.Errorf("all tied: %v", got)
	}
}
