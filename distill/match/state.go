package match

import "github.com/distillmesh/distillmesh/train/checkpoint"

// state is a run after some step.
type state struct {
	step          int
	tiles         []float32
	first, second []float32 // Adam's moments
}

// file is the state as it is written; it shares the arrays.
func (r *run) file() checkpoint.State {
	s := r.state
	return checkpoint.State{Identity: r.identity(), Step: s.step,
		Arrays: map[string][]float32{"tiles": s.tiles, "first": s.first, "second": s.second}}
}

// save gives the state to the request's checkpoint function, if there is one.
func (r *run) save() error {
	if err := r.adam.fetch(r.state); err != nil {
		return err
	}
	return r.req.Save(r.file)
}

// restore reads a state that save wrote.
func (r *run) restore(file []byte) error {
	s := r.file()
	if err := s.Restore(file, r.Iterations); err != nil {
		return err
	}
	r.state.step = s.Step
	return nil
}

// identity is that of the request, found once.
func (r *run) identity() string {
	if r.id == "" {
		r.id = r.req.ID(r.method, r.formation)
	}
	return r.id
}
