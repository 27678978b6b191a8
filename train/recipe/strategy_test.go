package recipe

import (
	"errors"
	"testing"
)

func TestStrategiesAreReadByName(t *testing.T) {
	for name, want := range map[string]int{Affine: 1, MildFlip: 1, DSA: 6, DSANoFlip: 5,
		"color_crop_cutout_flip_scale_rotate": 6, "crop": 1} {
		if s, err := ParseStrategy(name); err != nil || len(s.families) != want {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	for _, name := range []string{"", "flop", "crop_crop", "affine_crop", "crop_", "DSA"} {
		if _, err := ParseStrategy(name); !errors.Is(err, ErrUnknownAugmentation) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
