package artifact

import (
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// A model keeps how it views images: what was trained on tiles reads them as
// tiles wherever it is loaded.
func TestAModelKeepsItsView(t *testing.T) {
	own := *data.GlyphDigits().Task
	task := &own
	task.Shape = data.Shape{C: 1, H: 8, W: 8}
	s := &data.Samples{Shape: task.Shape, Classes: len(task.Classes)}
	for i := range 20 {
		for j := range s.Shape.Size() {
			s.X = append(s.X, float32((i*j)%7)-3)
		}
		s.Y = append(s.Y, i%10)
	}
	for _, name := range []string{"mlp", "ntk:1", "ridge:1"} {
		spec, err := model.Parse(name, task.Shape, 10)
		if err != nil {
			t.Fatal(err)
		}
		r := recipe.Default()
		r.Coarse, r.MinSteps, r.MaxSteps = 2, 3, 3
		trained, err := spec.Fit(t.Context(), s, r, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		write := func(coarse int) Files {
			files, err := WriteModel(ModelDraft{Task: task, Model: name, Trained: trained,
				View: view.View{Coarse: coarse}, Samples: 20})
			if err != nil {
				t.Fatal(err)
			}
			return files
		}
		back, err := ReadModel(write(2), task, Limits{}, model.Load)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := trained.Logits(t.Context(), s)
		if r.Coarse = 0; name != "mlp" {
			plain, _ := spec.Fit(t.Context(), s, r, train.Options{})
			tiles := data.NewFormation(2).SingleTile()
			if got, _ := plain.Logits(t.Context(), tiles.Decode(tiles.Down(s))); !slices.Equal(got, want) {
				t.Errorf("%s does not see images as their tiles", name)
			}
		}
		if got, err := back.Trained.Logits(t.Context(), s); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s read back scores otherwise (%v)", name, err)
		}
		for _, factor := range []int{3, 1, -1, 99} {
			if _, err := ReadModel(write(factor), task, Limits{}, model.Load); err == nil {
				t.Errorf("a view of factor %d of 8 x 8 was read", factor)
			}
		}
		for what, recipe := range map[string]recipe.Recipe{"of another view": recipe.Default(),
			"without a step": {Optimizer: recipe.Adam, LR: 1, Batch: 1, Coarse: 2}} {
			files, err := WriteModel(ModelDraft{Task: task, Model: name, Trained: trained,
				View: view.View{Coarse: 2}, Recipe: &recipe,
				Samples: 20})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ReadModelManifest(files, Limits{}); err == nil {
				t.Errorf("a recipe %s was read", what)
			}
		}
	}
}
