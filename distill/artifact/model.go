package artifact

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// Measurement is an accuracy and what it was measured on.
type Measurement struct {
	On      string `json:"on"` // such as "mnist test"
	Correct int    `json:"correct"`
	Total   int    `json:"total"`
}

// ModelManifest is model.json.
type ModelManifest struct {
	SchemaVersion int            `json:"schema_version"`
	Kind          string         `json:"kind"` // "model"
	Task          string         `json:"task"` // CID
	TaskName      string         `json:"task_name"`
	Model         string         `json:"model"`            // lenet, ntk:1
	Coarse        int            `json:"coarse,omitempty"` // it reads images at 1/Coarse resolution
	Band          int            `json:"band,omitempty"`   // it reads images by their first Band coefficients
	Recipe        *recipe.Recipe `json:"recipe,omitempty"`
	Seed          uint64         `json:"seed"`
	Sets          []string       `json:"sets"` // CIDs of every set used
	Samples       int            `json:"samples"`
	// Engine is the kind of engine that trained it, where that is not the processor's: cuda, opencl.
	Engine   string              `json:"engine,omitempty"`
	Accuracy *Measurement        `json:"accuracy,omitempty"`
	Licence  string              `json:"licence,omitempty"`
	Files    map[string]FileInfo `json:"files"`
}

// View is how the model sees images.
func (m ModelManifest) View() view.View { return view.View{Coarse: m.Coarse, Band: m.Band} }

// ModelDraft is all that a model is written from.
type ModelDraft struct {
	Task     *data.Task
	Model    string
	Trained  interface{ Tensors() []checkpoint.Tensor }
	View     view.View      // of the recipe that it was fitted by
	Recipe   *recipe.Recipe // nil for models in closed form
	Seed     uint64
	Sets     []string
	Samples  int
	Engine   string // empty for the processor's
	Accuracy *Measurement
	Licence  string
}

// Model is a model as read, Trained being the result of its loader.
type Model[Trained any] struct {
	Manifest ModelManifest
	Trained  Trained
}

// Loader makes the model of a name from its tensors, for samples of a task, or
// fails when they do not fit. Package artifact knows no architectures: model.Load
// loads them all.
type Loader[Trained any] func(name string, task *data.Task, tensors []checkpoint.Tensor, v view.View) (Trained, error)

// WriteModel lays a model out as files.
func WriteModel(d ModelDraft) (Files, error) {
	taskCID, err := TaskCID(d.Task)
	if err != nil {
		return nil, err
	}
	weights, err := checkpoint.Encode(d.Trained.Tensors(), nil)
	if err != nil {
		return nil, fmt.Errorf("write model: %w", err)
	}
	m := ModelManifest{
		SchemaVersion: SchemaVersion, Kind: "model", Task: taskCID.String(), TaskName: d.Task.Name, Model: d.Model,
		Coarse: d.View.Coarse, Band: d.View.Band, Recipe: d.Recipe, Seed: d.Seed, Sets: d.Sets, Samples: d.Samples,
		Engine:   d.Engine,
		Accuracy: d.Accuracy,
		Licence:  d.Licence,
	}
	files := Files{WeightsFile: weights, CardFile: modelCard(m)}
	m.Files = fileTable(files)
	if files[ModelFile], err = canonicalJSON(m); err != nil {
		return nil, fmt.Errorf("write model: %w", err)
	}
	return files, nil
}

// ReadModelManifest reads only model.json and verifies only its form.
func ReadModelManifest(fsys fs.FS, limits Limits) (ModelManifest, error) {
	var m ModelManifest
	doc, err := readBounded(fsys, ModelFile, limits.withDefaults().ManifestBytes)
	if err != nil {
		return m, invalid("model", "%s: %w", ModelFile, err)
	}
	if err := decodeJSON(doc, &m); err != nil {
		return m, invalid("model", "%s: %w", ModelFile, err)
	}
	switch {
	case m.SchemaVersion != SchemaVersion:
		return m, invalid(ModelFile, "schema version %d, this program reads %d", m.SchemaVersion, SchemaVersion)
	case m.Kind != "model":
		return m, invalid(ModelFile, "kind %q, want model", m.Kind)
	case !validEngine(m.Engine):
		return m, invalid(ModelFile, "engine %q, want a word of at most 16 letters", m.Engine)
	case m.Accuracy != nil && (m.Accuracy.Total < 1 || m.Accuracy.Correct < 0 || m.Accuracy.Correct > m.Accuracy.Total):
		return m, invalid(ModelFile, "accuracy of %d out of %d", m.Accuracy.Correct, m.Accuracy.Total)
	case m.View().Check() != nil:
		return m, invalid(ModelFile, "%w", m.View().Check())
	case m.Recipe != nil && m.Recipe.Validate() != nil:
		return m, invalid(ModelFile, "%w", m.Recipe.Validate())
	case m.Recipe != nil && view.Of(*m.Recipe) != m.View():
		return m, invalid(ModelFile, "it reads images %v, trained by a recipe that reads them %v", m.View(),
			view.Of(*m.Recipe))
	}
	return m, nil
}

// readModelOf reads the manifest of a model of a task.
func readModelOf(fsys fs.FS, task *data.Task, limits Limits) (ModelManifest, error) {
	m, err := ReadModelManifest(fsys, limits)
	if err != nil {
		return m, err
	}
	want, err := TaskCID(task)
	if err != nil {
		return m, err
	}
	if m.Task != want.String() {
		return m, invalid("model", "made for task %s, not for %s (%s)", m.Task, want, task.Name)
	}
	if _, ok := m.Files[WeightsFile]; !ok {
		return m, invalid("model", "%s is missing", WeightsFile)
	}
	return m, nil
}

// ReadModel reads and verifies a model of a task.
func ReadModel[Trained any](fsys fs.FS, task *data.Task, limits Limits, load Loader[Trained]) (*Model[Trained], error) {
	m, err := readModelOf(fsys, task, limits)
	if err != nil {
		return nil, err
	}
	content := map[string][]byte{WeightsFile: nil}
	if err := hashFiles(fsys, ModelFile, m.Files, limits.withDefaults(), content); err != nil {
		return nil, invalid("model", "%w", err)
	}
	tensors, _, err := checkpoint.Decode(content[WeightsFile], checkpoint.Limits{})
	if err != nil {
		return nil, invalid("model", "%s: %w", WeightsFile, err)
	}
	trained, err := load(m.Model, task, tensors, m.View())
	if err != nil {
		return nil, invalid("model", "%s: %w", m.Model, err)
	}
	return &Model[Trained]{Manifest: m, Trained: trained}, nil
}

func modelCard(m ModelManifest) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s for %s\n\nTrained on %d samples of %d distilled sets, seed %d.\n", m.Model, m.TaskName,
		m.Samples, len(m.Sets), m.Seed)
	if a := m.Accuracy; a != nil {
		fmt.Fprintf(&b, "Accuracy on %s: %.2f %% (%d of %d), as its trainer measured it.\n", a.On,
			100*float64(a.Correct)/float64(a.Total), a.Correct, a.Total)
	}
	if m.Coarse > 0 {
		fmt.Fprintf(&b, "It reads images averaged over %d x %d pixels and up-sampled again, bilinear with half-pixel "+
			"centres.\n", m.Coarse, m.Coarse)
	}
	if m.Band > 0 {
		fmt.Fprintf(&b, "It reads images by their first %d frequency coefficients.\n", m.Band)
	}
	if m.Licence != "" {
		fmt.Fprintf(&b, "Licence: %s\n", m.Licence)
	}
	return []byte(b.String())
}
