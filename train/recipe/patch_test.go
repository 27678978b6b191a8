package recipe

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestAPatchSetsWhatItNames(t *testing.T) {
	set := Recipe{LR: 0.5, Augment: "", MaxSteps: 300}
	p, err := NewPatch(set, "lr", "augment", "max_steps")
	if err != nil {
		t.Fatal(err)
	}
	before := Default()
	before.Augment, before.Momentum = "affine", 0.9
	got, err := p.Apply(before)
	want := before
	want.LR, want.Augment, want.MaxSteps, want.MinSteps = 0.5, "", 300, 300
	if err != nil || got != want {
		t.Errorf("got %+v, want %+v (%v)", got, want, err)
	}
	p, _ = NewPatch(Recipe{MinSteps: 9000}, "min_steps")
	if got, err := p.Apply(Default()); err != nil || got.MaxSteps != 9000 || got.MinSteps != 9000 {
		t.Errorf("the most steps make no room for the least: %+v, %v", got, err)
	}
	if got, err := Patch(nil).Apply(before); err != nil || got != before {
		t.Errorf("no patch changes %+v: %v", got, err)
	}
}

func TestPatchesTravelAsJSON(t *testing.T) {
	p, err := NewPatch(Recipe{Coarse: 2}, "coarse")
	if err != nil {
		t.Fatal(err)
	}
	type carrier struct{ Recipe Patch }
	for _, c := range []carrier{{p}, {}} {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back carrier
		if err := json.Unmarshal(text, &back); err != nil || string(back.Recipe) != string(c.Recipe) {
			t.Errorf("%s comes back as %q (%v)", text, back.Recipe, err)
		}
	}
}

func TestBadPatchesAreErrors(t *testing.T) {
	if _, err := NewPatch(Recipe{}, "speed"); err == nil || !strings.Contains(err.Error(), "speed") {
		t.Errorf("an unknown field: %v", err)
	}
	for _, text := range []string{`{"speed": 1}`, `{"lr": "fast"}`, `[1]`, `3`, `{`} {
		if _, err := Patch(text).Apply(Default()); err == nil {
			t.Errorf("%s was applied", text)
		}
	}
}

// A field that is added to Recipe alone does not compile in withZeros; one whose name
// in JSON differs is found here.
func TestPatchesKnowEveryFieldByItsName(t *testing.T) {
	whole, recipe := reflect.TypeOf(withZeros(Recipe{})), reflect.TypeOf(Recipe{})
	for i := range recipe.NumField() {
		name, _, _ := strings.Cut(recipe.Field(i).Tag.Get("json"), ",")
		if got := whole.Field(i).Tag.Get("json"); got != name {
			t.Errorf("%s is %q in a patch and %q in a recipe", recipe.Field(i).Name, got, name)
		}
	}
}
