package artifact

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func TestTasksReadBackAndKeepTheirCIDs(t *testing.T) {
	for _, task := range data.WellKnownTasks() {
		doc, err := EncodeTask(task)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeTask(doc)
		if err != nil || got.Name != task.Name || !slices.Equal(got.Classes, task.Classes) || got.Shape != task.Shape {
			t.Errorf("%s: %+v, %v", task.Name, got, err)
		}
		if _, err := DecodeTask(append(doc, 0)); err == nil {
			t.Errorf("%s: trailing byte accepted", task.Name)
		}
	}
}

func TestATaskSaysHowItsImagesMayChange(t *testing.T) {
	task := *data.WellKnownTask("mnist")
	task.Name, task.Augment = "faces", recipe.MildFlip
	doc, err := EncodeTask(&task)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeTask(doc); err != nil || got.Augmentation() != recipe.MildFlip {
		t.Errorf("%+v, %v", got, err)
	}
	spelled := []byte("gaugmenti" + recipe.MildFlip)
	if _, err := DecodeTask(bytes.Replace(doc, spelled, []byte("gaugment`"), 1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("an empty one that is spelled out: %v", err)
	}
	task.Augment = ""
	without, err := EncodeTask(&task)
	if err != nil || len(without) != len(doc)-len(spelled) || task.Augmentation() != "" {
		t.Errorf("%d bytes without, %d with, %v", len(without), len(doc), err)
	}
	for _, known := range data.WellKnownTasks() {
		if _, err := recipe.ParseStrategy(known.Augmentation()); err != nil {
			t.Errorf("%s: %v", known.Name, err)
		}
	}
}

// Two devices meet in a task by its CID: these must never change.
func TestWellKnownTaskCIDsAreGolden(t *testing.T) {
	for name, want := range goldenTasks {
		if got, err := TaskCID(data.WellKnownTask(name)); err != nil || got.String() != want {
			t.Errorf("%s: %v, want %s (%v)", name, got, want, err)
		}
	}
}

func FuzzDecodeTask(f *testing.F) {
	for _, t := range data.WellKnownTasks() {
		doc, _ := EncodeTask(t)
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if task, err := DecodeTask(doc); err == nil {
			if again, err := EncodeTask(task); err != nil || !slices.Equal(again, doc) {
				t.Errorf("accepted %x, writes %x (%v)", doc, again, err)
			}
		}
	})
}
