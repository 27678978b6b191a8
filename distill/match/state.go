package match

import "github.com/distillmesh/distillmesh/distill/tiling"

// state is a run after some step.
type state struct {
	step          int
	tiles         []float32
	first, second []float32 // Adam's moments
}

// file is the state as it is written; it shares the arrays.
func (s state) file() tiling.State {
	return tiling.State{Step: s.step, Arrays: map[string][]float32{"tiles": s.tiles, "first": s.first, "second": s.second}}
}

// save gives the state to the request's checkpoint function, if there is one.
func (r *run) save() error {
	return r.state.file().Save(r.req, r.identity)
}

// restore takes over what save gave away.
func (r *run) restore(file []byte) error {
	s := r.state.file()
	if err := s.Decode(file, r.identity(), r.Iterations); err != nil {
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
