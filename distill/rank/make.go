package rank

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

// setsFolder holds sets that were distilled to be ranked.
const setsFolder = "sets"

// Making is how a set is distilled to be ranked: from all training samples but those that
// learning rates are chosen on.
type Making struct {
	Data   *data.Dataset
	Label  string // METHOD:SETTING=VALUE:...
	IPC    int
	Pixels artifact.PixelType // empty for the default
	Dir    string             // of finished sets, and of the state of an interrupted one
	Device device.Choice
	Report func(Progress)
}

// Split are the training samples that sets and controls are made from, and those that
// learning rates are chosen on.
func Split(s *data.Samples) (kept, held []int) {
	return data.Holdout(s.Y, s.Classes, min(validationShare, validationMost/float64(s.Len())), 0)
}

// Make distills a set, or reads the finished one.
func Make(ctx context.Context, m Making) (Candidate, error) {
	c := Candidate{}
	name, settings, err := registry.Split(m.Label)
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	method, err := registry.Method(name)
	if err == nil {
		method, err = method.With(settings)
	}
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	all, err := data.LoadAll(m.Data.Task, m.Data.Train)
	if err != nil {
		return c, err
	}
	kept, _ := Split(all)
	req := artifact.Request{Task: m.Data.Task, Method: method, Settings: registry.Changed(method), Pixels: m.Pixels,
		Request: distill.Request{Samples: all.Subset(kept), IPC: m.IPC, Augment: m.Data.Task.Augmentation(),
			Device: m.Device, Cache: filepath.Join(m.Dir, "experts")}}
	if m.Report != nil {
		req.Progress = func(p distill.Progress) {
			m.Report(Progress{"distill " + m.Label, int64(p.Done), int64(p.Total), "iterations"})
		}
	}
	files, err := m.files(ctx, req)
	if err != nil {
		return c, fmt.Errorf("distill %s: %w", m.Label, err)
	}
	set, err := artifact.ReadSet(files, m.Data.Task, artifact.Limits{})
	if err != nil {
		return c, err
	}
	return Candidate{Name: fmt.Sprintf("%s, %d per class", m.Label, m.IPC), Method: name, Sets: []*artifact.Set{set},
		Bytes: []int64{files.Bytes()}}, nil
}

// files are those of the finished set, or of one that is made now and kept.
func (m Making) files(ctx context.Context, req artifact.Request) (artifact.Files, error) {
	key := trial.Key{Parts: []any{"set", trial.Fingerprint(req.Samples), req.Method.Name(), req.Method.Version(),
		req.Method.Settings(), m.IPC, m.Pixels, m.Device.Name}, Words: []any{m.Label, m.IPC}}
	name, err := key.Name()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(m.Dir, setsFolder, name)
	if files, err := artifact.ReadFiles(os.DirFS(folder)); err == nil {
		if _, err := artifact.ReadSet(files, m.Data.Task, artifact.Limits{}); err == nil {
			return files, nil
		}
	}
	state := folder + ".state"
	if req.Resume, err = os.ReadFile(state); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	req.Checkpoint = func(content []byte) error { return trial.WriteFile(state, content) }
	made, err := artifact.Make(ctx, req)
	if errors.Is(err, checkpoint.ErrState) { // damaged: from the beginning
		req.Resume = nil
		made, err = artifact.Make(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	for file, content := range made.Files {
		if err := trial.WriteFile(filepath.Join(folder, file), content); err != nil {
			return nil, err
		}
	}
	os.Remove(state)
	return made.Files, nil
}
