package kip

import (
	"encoding/json"
	"fmt"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// file is the run as it is written; it shares the arrays that the rest of a run
// depends on.
func (r *run) file() checkpoint.State {
	return checkpoint.State{Identity: r.request, Step: r.step,
		Arrays: map[string][]float32{"images": r.ntk.Images, "labels": r.ntk.Labels,
			"images.first": r.moments[0], "images.second": r.moments[1], "labels.first": r.moments[2],
			"labels.second": r.moments[3]}}
}

// checkpoint hands the state to the request, if it asks for one.
func (r *run) checkpoint() error {
	if err := r.req.Save(r.file); err != nil {
		return fmt.Errorf("kip: checkpoint at step %d: %w", r.step, err)
	}
	return nil
}

// adopt continues from a state of the same request.
func (r *run) adopt(file []byte) error {
	s := r.file()
	if err := s.Restore(file, r.Steps); err != nil {
		return err
	}
	r.step = s.Step
	return nil
}

// identity is that of method, settings, seed, size and samples.
func identity(k KIP, req distill.Request) string {
	settings, err := json.Marshal(k.Settings())
	if err != nil {
		panic(err) // a map of strings
	}
	return checkpoint.Identity(fmt.Sprintf("%s %d %s %d %d\n", k.Name(), k.Version(), settings, req.IPC, req.Seed),
		req.Samples)
}
