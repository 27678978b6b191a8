package plan

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func whole(t testing.TB) Train {
	t.Helper()
	patch, err := recipe.NewPatch(recipe.Recipe{LR: 0.1, MaxSteps: 50}, "lr", "max_steps")
	if err != nil {
		t.Fatal(err)
	}
	return Train{Version: SchemaVersion, Task: "mnist", Model: "lenet", Sets: []string{"bafy"}, Held: true, Seed: 7,
		Recipe: patch,
		Device: device.Choice{Name: device.CPU, Workers: 2}, Publish: true, Licence: "CC0-1.0"}
}

func TestAPlanIsWrittenAndRead(t *testing.T) {
	for name, p := range map[string]Train{"whole": whole(t), "least": {Version: SchemaVersion, Task: "t", Model: "auto"}} {
		var text bytes.Buffer
		if err := p.Write(&text); err != nil {
			t.Fatal(err)
		}
		got, err := ReadTrain(&text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		changed, err := got.Recipe.Apply(recipe.Default())
		if want, _ := p.Recipe.Apply(recipe.Default()); err != nil || changed != want {
			t.Errorf("%s: recipe %+v, want %+v (%v)", name, changed, want, err)
		}
		got.Recipe, p.Recipe = nil, nil
		if !reflect.DeepEqual(got, p) {
			t.Errorf("%s: got %+v, want %+v", name, got, p)
		}
	}
}

func TestBadPlansAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"another version":      `{"schema_version": 2, "task": "t", "model": "m"}`,
		"no version":           `{"task": "t", "model": "m"}`,
		"no task":              `{"schema_version": 1, "model": "m"}`,
		"no model":             `{"schema_version": 1, "task": "t"}`,
		"a field too many":     `{"schema_version": 1, "task": "t", "model": "m", "speed": 3}`,
		"a recipe's field":     `{"schema_version": 1, "task": "t", "model": "m", "recipe": {"speed": 3}}`,
		"text behind":          `{"schema_version": 1, "task": "t", "model": "m"} more`,
		"more than is allowed": `{"schema_version": 1, "task": "` + strings.Repeat("t", maxBytes) + `", "model": "m"}`,
		"negative workers":     `{"schema_version": 1, "task": "t", "model": "m", "device": {"workers": -1}}`,
		"workers without end": `{"schema_version": 1, "task": "t", "model": "m",
			"device": {"workers": 9223372036854775807}}`,
		"a batch without end": `{"schema_version": 1, "task": "t", "model": "m", "recipe": {"batch": 99999999}}`,
		"momentum for adam": `{"schema_version": 1, "task": "t", "model": "m",
			"recipe": {"optimizer": "adam", "momentum": 0.9}}`,
		"a licence that moves the cursor": `{"schema_version": 1, "task": "t", "model": "m", "licence": "\u001b[2J"}`,
	} {
		if _, err := ReadTrain(strings.NewReader(text)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown := `{"schema_version": 1, "task": "t", "model": "m", "device": {"device": "vulkan:0"}}`
	if _, err := ReadTrain(strings.NewReader(unknown)); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("an unknown device: %v", err)
	}
}

func TestPlansOfLaterVersionsAndEmptyOnesAreNamedAsSuch(t *testing.T) {
	for text, want := range map[string]string{
		`{"schema_version": 2, "task": "t", "priority": 3}`: "schema_version 2, this program reads 1",
		"  \n": "it is empty",
	} {
		if _, err := ReadTrain(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	momentum := `{"schema_version": 1, "task": "t", "model": "m", "recipe": {"momentum": 0.9}}`
	if _, err := ReadTrain(strings.NewReader(momentum)); err != nil {
		t.Errorf("momentum for sets that recommend SGD: %v", err)
	}
}

func FuzzReadTrain(f *testing.F) {
	var text bytes.Buffer
	if err := whole(f).Write(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"schema_version": 1, "task": "t", "model": "m", "recipe": null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ReadTrain(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := p.Write(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTrain(&again); err != nil {
			t.Errorf("read once, and not again: %v", err)
		}
	})
}
