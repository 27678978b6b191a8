package distill_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
)

// knobs is one option of each kind.
type knobs struct {
	steps int
	rate  float64
	start string
}

func (k *knobs) options() distill.Options {
	return distill.Options{distill.Int("steps", &k.steps, 1, 100), distill.Float("lr", &k.rate, 0, 10),
		distill.Choice("start", &k.start, "noise", "real")}
}

func TestOptionsAreStoredAndWrittenAsTyped(t *testing.T) {
	k := knobs{steps: 5, start: "noise"}
	want := map[string]string{"steps": "7", "lr": "0.004", "start": "real"}
	if err := k.options().Set("m", want); err != nil {
		t.Fatal(err)
	}
	if got := k.options().Settings(); !maps.Equal(got, want) || k != (knobs{7, .004, "real"}) {
		t.Errorf("settings %v, fields %+v", got, k)
	}
}

func TestAutoIsZero(t *testing.T) {
	v := 5
	o := distill.Options{distill.Auto(distill.Int("steps", &v, 0, 9))}
	for given, want := range map[string]string{"7": "7", "auto": "auto", "0": "auto"} {
		if err := o.Set("m", map[string]string{"steps": given}); err != nil || o.Settings()["steps"] != want {
			t.Errorf("%s: shown as %s, %v", given, o.Settings()["steps"], err)
		}
	}
	if err := o.Set("m", map[string]string{"steps": "10"}); !errors.Is(err, distill.ErrOption) {
		t.Errorf("10 of at most 9: %v", err)
	}
}

func TestBadOptionsNameWhatWouldDo(t *testing.T) {
	for given, text := range map[string]string{
		"step=3":     `no option "step"; did you mean "steps"?`,
		"steps=0":    `steps of method m is "0", want a whole number from 1 to 100`,
		"steps=3.5":  "whole number",
		"lr=NaN":     "from 0 to 10",
		"lr=11":      "from 0 to 10",
		"start=zero": "noise or real",
	} {
		name, value, _ := strings.Cut(given, "=")
		k := knobs{steps: 5}
		err := k.options().Set("m", map[string]string{name: value})
		if !errors.Is(err, distill.ErrOption) || !strings.Contains(err.Error(), text) || k != (knobs{steps: 5}) {
			t.Errorf("%s: got %v (fields %+v), want %q", given, err, k, text)
		}
	}
	if err := (distill.Options{}).Set("m", map[string]string{"a": "b"}); !errors.Is(err, distill.ErrOption) {
		t.Errorf("a method without options took one: %v", err)
	}
}
