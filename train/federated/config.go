package federated

import (
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
)

// Config decides the result of a run, together with the network and the
// clients' samples.
type Config struct {
	// Strategy is a name of Strategies.
	Strategy string `json:"strategy"`
	// Rounds of communication; 1 is one-shot. Official: 18.
	Rounds int `json:"rounds"`
	// Epochs is a client's passes over its own samples in each round. Official:
	// 50. More epochs let clients drift further apart.
	Epochs int `json:"epochs,omitempty"`
	// Steps is a client's steps in each round, instead of Epochs: the same for
	// all, however many samples they have. One of the two is zero.
	Steps int `json:"steps,omitempty"`
	// Batch is the samples of one step; the last of an epoch may be smaller.
	// Official: 50.
	Batch int `json:"batch"`
	// LR, Momentum and WeightDecay are of the clients' SGD. Official: 0.001,
	// 0.9, none. The velocity starts at zero in every client and round. FedNova
	// normalizes for this momentum: it is its rho.
	LR          float64 `json:"lr"`
	Momentum    float64 `json:"momentum,omitempty"`
	WeightDecay float64 `json:"weight_decay,omitempty"`
	// Mu is the weight of FedProx's proximal term, which pulls towards the model that was sent. Official: 0.1.
	// Zero is FedAvg.
	Mu float64 `json:"mu,omitempty"`
	// RandomControls starts SCAFFOLD's control variates, the server's and every
	// client's, as freshly initialized networks, as the official code does, not
	// as zeros. On MNIST with two classes per client (500 clients, LeNet, official
	// rates, seed 0) it moves the first three rounds by at most 2.5 points.
	RandomControls bool `json:"random_controls,omitempty"`
	// Fraction of the clients with samples that take part in each round, at least one client.
	// Official: 1, all.
	Fraction float64 `json:"fraction"`
	// SharedStart says that clients derive the first model from Seed themselves,
	// so that the first round sends nothing down. It changes only the count of bytes.
	// Without it the first model is sent like any other: only devices with the
	// same program on the same kind of processor could derive it.
	SharedStart bool `json:"shared_start,omitempty"`
	// Seed decides the first model, the order of samples and the choice of
	// clients.
	Seed uint64 `json:"seed"`
}

// DefaultConfig is the official setting of a strategy. SCAFFOLD's control
// variates start as zeros, as in the paper; RandomControls starts them as the official code does.
func DefaultConfig(strategy string) Config {
	c := Config{Strategy: strategy, Rounds: 18, Epochs: 50, Batch: 50, LR: 0.001, Momentum: 0.9, Fraction: 1}
	if strategy == FedProx {
		c.Mu = 0.1
	}
	return c
}

// Limits of plausible values.
const (
	maxRounds = 1 << 20
	maxLocal  = 1 << 24
	maxBatch  = 1 << 16
)

// Validate names the first field that is out of range.
func (c Config) Validate() error {
	fail := func(field string, value any, want string) error {
		return fmt.Errorf("federated %s: %v, want %s", field, value, want)
	}
	within := func(v, low, high float64) bool { return v >= low && v <= high } // false for NaN
	_, err := Lookup(c.Strategy)
	switch {
	case err != nil:
		return err
	case c.Rounds < 1 || c.Rounds > maxRounds:
		return fail("rounds", c.Rounds, fmt.Sprintf("1 to %d", maxRounds))
	case c.Epochs < 0 || c.Epochs > maxLocal || c.Steps < 0 || c.Steps > maxLocal || (c.Epochs == 0) == (c.Steps == 0):
		return fail("epochs and steps", fmt.Sprintf("%d and %d", c.Epochs, c.Steps),
			fmt.Sprintf("one of them 1 to %d, the other 0", maxLocal))
	case c.Batch < 1 || c.Batch > maxBatch:
		return fail("batch", c.Batch, fmt.Sprintf("1 to %d", maxBatch))
	case !within(c.LR, math.SmallestNonzeroFloat32, 1e3):
		return fail("lr", c.LR, "above 0 and at most 1000")
	case !within(c.Momentum, 0, 1) || c.Momentum == 1:
		return fail("momentum", c.Momentum, "at least 0 and below 1")
	case !within(c.WeightDecay, 0, 1e3):
		return fail("weight_decay", c.WeightDecay, "0 to 1000")
	case !within(c.Mu, 0, 1e3) || c.Mu != 0 && c.Strategy != FedProx:
		return fail("mu", c.Mu, "0 to 1000, with fedprox only")
	case c.RandomControls && c.Strategy != SCAFFOLD:
		return fail("random_controls", c.RandomControls, "false: only scaffold has control variates")
	case !within(c.Fraction, math.SmallestNonzeroFloat64, 1):
		return fail("fraction", c.Fraction, "above 0 and at most 1")
	}
	return nil
}

// LocalSteps is the number of steps that a client of n samples takes in one round.
func (c Config) LocalSteps(n int) int {
	if c.Steps > 0 {
		return c.Steps
	}
	return c.Epochs * ((n + c.Batch - 1) / c.Batch)
}

// Takes is how many clients each round takes out of those that have samples.
func (c Config) Takes(active int) int {
	return min(active, max(1, int(math.Round(c.Fraction*float64(active)))))
}

// choose is the clients of a round, ascending, out of those that have samples.
// It depends only on the seed and the round.
func (c Config) choose(active []int, round int) []int {
	n := c.Takes(len(active))
	if n == len(active) {
		return active
	}
	chosen := make([]int, n)
	for i, at := range data.Stream(c.Seed, "federated-clients", uint64(round)).Perm(len(active))[:n] {
		chosen[i] = active[at]
	}
	slices.Sort(chosen)
	return chosen
}

// clientSeed is the seed of a client's own streams.
func (c Config) clientSeed(client int) uint64 {
	return data.Stream(c.Seed, "federated-client", uint64(client)).Uint64()
}

// controlSeed is the seed of a random control variate; -1 is the server.
func (c Config) controlSeed(client int) uint64 {
	return data.Stream(c.Seed, "federated-control", uint64(client+1)).Uint64()
}
