package registry

import (
	"errors"
	"maps"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
)

// quick are settings under which a long method shows the same in less time.
var quick = map[string]map[string]string{"dm": {"iterations": "60"}, "dc": {"iterations": "30"},
	"dsa":   {"iterations": "30"},
	"att":   {"iterations": "6", "cap": "3", "experts": "2", "max-start": "2", "span": "1", "width": "4"},
	"mtt":   {"iterations": "6", "cap": "3", "experts": "2", "max-start": "2", "span": "1", "width": "4"},
	"tesla": {"iterations": "6", "cap": "3", "experts": "2", "max-start": "2", "span": "1", "width": "4"}}

func TestEveryMethodConforms(t *testing.T) {
	for _, m := range Methods() {
		settings := maps.Clone(quick[m.Name()])
		if testing.Short() && settings["iterations"] != "" {
			settings["iterations"], settings["width"] = "3", "4"
			if settings["experts"] == "" {
				settings["batch"] = "8"
			}
		}
		m, err := m.With(settings)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(m.Name(), func(t *testing.T) { distilltest.Run(t, m) })
	}
}

func TestUnknownMethodNamesTheKnownOnes(t *testing.T) {
	if _, err := Method("gmn"); !errors.Is(err, distill.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// What a manifest keeps of the settings makes the method again.
func TestChangedSettingsMakeTheMethodAgain(t *testing.T) {
	for _, label := range []string{"dm", "dm:iterations=7:view=whole", "dsa:augment=dsa", "att:cap=3", "gmm",
		"k-means:publish=nearest", "ridge:lambda=3", "random",
		"kip", "kip:steps=9", "kip:official=true", "kip:official=true:steps=2500:lr=auto:labels=auto:start=centroids",
		"label-solve:start=random"} {
		name, settings, err := Split(label)
		if err != nil {
			t.Fatal(err)
		}
		usual, err := Method(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := usual.With(settings)
		if err != nil {
			t.Fatal(err)
		}
		changed := Changed(m)
		again, err := usual.With(changed)
		if err != nil || !maps.Equal(again.Settings(), m.Settings()) {
			t.Errorf("%s: %v makes %v, %v", label, changed, again, err)
		}
		if len(settings) == 0 && len(changed) > 0 {
			t.Errorf("%s by default differs by %v", label, changed)
		}
	}
}
