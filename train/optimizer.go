package train

import (
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// optimizer is the rule of a recipe, and the numbers that its steps read.
type optimizer interface {
	Rule
	// rates are the numbers of step t, counted from 1, at a learning rate.
	rates(r *recipe.Recipe, t int, rate float64) []float32
}

func optimizerOf(r recipe.Recipe) optimizer {
	switch r.Optimizer {
	case recipe.SGD:
		return &momentum{}
	case recipe.AdamW:
		return &adamW{}
	}
	return &adam{}
}

// momentum is SGD: velocity is its state.
type momentum struct{ numbers [3]float32 }

func (*momentum) States() int { return 1 }
func (*momentum) Rates() int  { return 3 }

func (*momentum) Updates(values, gradient *graph.Node, states []*graph.Node, rates *graph.Node) []graph.Update {
	return []graph.Update{graph.Momentum(values, gradient, states[0], rates)}
}

func (m *momentum) rates(r *recipe.Recipe, _ int, rate float64) []float32 {
	m.numbers = [3]float32{float32(rate), float32(r.Momentum), float32(r.WeightDecay)}
	return m.numbers[:]
}

// adam has two moments for states.
type adam struct{ numbers [6]float32 }

func (*adam) States() int { return 2 }
func (*adam) Rates() int  { return 6 }

func (*adam) Updates(values, gradient *graph.Node, states []*graph.Node, rates *graph.Node) []graph.Update {
	return []graph.Update{graph.Adam(values, gradient, states[0], states[1], rates)}
}

func (a *adam) rates(r *recipe.Recipe, t int, rate float64) []float32 {
	graph.AdamRates(&a.numbers, t, rate, graph.Beta1, graph.Beta2, r.WeightDecay)
	return a.numbers[:]
}

// adamW is adam with decoupled weight decay.
type adamW struct{ adam }

func (*adamW) Updates(values, gradient *graph.Node, states []*graph.Node, rates *graph.Node) []graph.Update {
	return []graph.Update{graph.AdamW(values, gradient, states[0], states[1], rates)}
}

func (a *adamW) rates(r *recipe.Recipe, t int, rate float64) []float32 {
	graph.AdamRates(&a.numbers, t, rate, graph.Beta1, graph.Beta2, rate*r.WeightDecay)
	return a.numbers[:]
}
