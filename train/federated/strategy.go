package federated

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// ErrUnknown means that no strategy has the name.
var ErrUnknown = errors.New("unknown strategy")

// The names of the strategies.
const (
	FedAvg   = "fedavg"
	FedProx  = "fedprox"
	FedNova  = "fednova"
	SCAFFOLD = "scaffold"
)

// Strategy is a federated optimization method.
type Strategy struct {
	Name    string
	Summary string // one line for lists
	vectors int    // vectors of the model's size that a client receives, and sends, in each round
	numbers int    // of four bytes that it sends beside them
}

// Strategies lists every strategy in the order in which they are shown.
func Strategies() []Strategy {
	return []Strategy{
		{FedAvg, "average of the clients' models, weighted by their samples (McMahan et al. 2017)", 1, 0},
		{FedProx, "fedavg with a proximal term that pulls clients towards the model they were sent (Li et al. 2020)", 1, 0},
		{FedNova, "average of the clients' updates normalized by their local steps, so that more steps do not weigh " +
			"more (Wang et al. 2020)", 1, 1},
		{SCAFFOLD, "clients correct their steps by control variates, at twice the bytes (Karimireddy et al. 2020)", 2, 0},
	}
}

// Lookup finds a strategy by name. It fails with ErrUnknown.
func Lookup(name string) (Strategy, error) {
	var names []string
	for _, s := range Strategies() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Strategy{}, fmt.Errorf("strategy %q: %w: want one of %s", name, ErrUnknown, strings.Join(names, ", "))
}

// Traffic is the bytes sent by clients (Up) and to clients (Down).
type Traffic struct {
	Up   int64 `json:"up"`
	Down int64 `json:"down"`
}

func (t Traffic) plus(o Traffic) Traffic { return Traffic{t.Up + o.Up, t.Down + o.Down} }

// PerClient is what one client of a round sends and receives: 4 bytes per
// parameter for each of the strategy's vectors. FedAvg and FedProx move the
// model both ways. FedNova sends 4 bytes more, the number of its steps.
// SCAFFOLD moves a control variate besides the model, both ways. Nothing else
// is counted: no envelope, and not the number of samples, which a client sends
// once.
func (s Strategy) PerClient(parameters int) Traffic {
	vectors := 4 * int64(parameters) * int64(s.vectors)
	return Traffic{Up: vectors + 4*int64(s.numbers), Down: vectors}
}

// work is how often the gradients of a local run of SGD enter its update in
// total: the L1 norm of a = (a_1 .. a_tau), where the update is -eta sum a_k g_k.
// With momentum rho a gradient also acts on later steps, so for tau steps
//
//	|a|_1 = (tau - rho (1 - rho^tau) / (1 - rho)) / (1 - rho)
//
// which is tau without momentum (Wang et al. 2020, section 3, SGD with
// momentum). Weight decay is not part of it.
func work(steps int, momentum float64) float64 {
	tau := float64(steps)
	return (tau - momentum*(1-math.Pow(momentum, tau))/(1-momentum)) / (1 - momentum)
}
