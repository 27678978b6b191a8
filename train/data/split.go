package data

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat/distuv"
)

// SplitKind names a rule that splits one data set over several clients.
type SplitKind string

// The split rules.
const (
	// Ring gives client i the classes i, i+1, ..., i+PerClient-1 mod K
	// (FedD3, section 1.6): not random, so every client knows few classes.
	Ring SplitKind = "ring"
	// IID gives every client an equal random share.
	IID SplitKind = "iid"
	// Dirichlet splits each class in proportions drawn from Dir(Alpha).
	Dirichlet SplitKind = "dirichlet"
)

// Limits of Alpha: for smaller values each class goes to one client; for larger
// ones all shares are equal.
const (
	MinAlpha = 1e-9
	maxAlpha = 1e9
)

// Split is one rule with its parameters. The same Split of the same labels
// gives the same parts on every device.
type Split struct {
	Kind      SplitKind `json:"kind"`
	Clients   int       `json:"clients"`
	PerClient int       `json:"classes_per_client,omitempty"` // Ring: classes per client holds
	// Dirichlet: concentration, minAlpha..maxAlpha, smaller is more skewed
	Alpha float64 `json:"alpha,omitempty"`
	Seed  uint64  `json:"seed"`
}

// String is the short name used in names of parts: ring2, iid, dir0.1, with
// the seed when it is not zero.
func (s Split) String() string {
	name := string(s.Kind)
	switch s.Kind {
	case Ring:
		name += strconv.Itoa(s.PerClient)
	case Dirichlet:
		name = "dir" + strconv.FormatFloat(s.Alpha, 'g', -1, 64)
	}
	if s.Seed != 0 {
		name += "-s" + strconv.FormatUint(s.Seed, 10)
	}
	return name
}

// PartName names part i (from 0) of a data set: mnist.ring2.3of10.
func (s Split) PartName(dataset string, i int) string {
	return fmt.Sprintf("%s.%s.%dof%d", dataset, s, i+1, s.Clients)
}

// Validate checks the parameters against the number of classes.
func (s Split) Validate(classes int) error {
	switch {
	case s.Clients < 1 || s.Clients > 1_000_000:
		return fmt.Errorf("split: clients is %d, want 1..1000000", s.Clients)
	case s.Kind == Ring && (s.PerClient < 1 || s.PerClient > classes):
		return fmt.Errorf("split: classes per client is %d, want 1..%d", s.PerClient, classes)
	case s.Kind == Dirichlet && !(s.Alpha >= MinAlpha && s.Alpha <= maxAlpha):
		return fmt.Errorf("split: alpha is %g, want %g..%g", s.Alpha, MinAlpha, maxAlpha)
	case !slices.Contains([]SplitKind{Ring, IID, Dirichlet}, s.Kind):
		return fmt.Errorf("split: kind %q, want ring, iid or dirichlet", s.Kind)
	}
	return nil
}

// Parts lists the sample indices of each client, ascending; an empty list,
// never nil, for a client without samples. Every sample is
// used once; under Ring with fewer than K-PerClient+1 clients some classes
// belong to no client and are left out.
func (s Split) Parts(labels []int, classes int) ([][]int, error) {
	if err := s.Validate(classes); err != nil {
		return nil, err
	}
	parts := make([][]int, s.Clients)
	for i := range parts {
		parts[i] = []int{}
	}
	switch s.Kind {
	case IID:
		s.iid(labels, parts)
	case Ring:
		s.byClass(labels, classes, parts, s.ringShares)
	case Dirichlet:
		s.byClass(labels, classes, parts, s.dirichletShares)
	}
	for _, part := range parts {
		slices.Sort(part)
	}
	return parts, nil
}

func (s Split) iid(labels []int, parts [][]int) {
	order := Stream(s.Seed, "split-iid").Perm(len(labels))
	for i := range parts {
		parts[i] = order[i*len(order)/s.Clients : (i+1)*len(order)/s.Clients]
	}
}

// byClass shuffles each class and cuts it at the ends that shares returns.
func (s Split) byClass(labels []int, classes int, parts [][]int, shares func(class, n, classes int) []int) {
	members := (&Samples{Classes: classes, Y: labels}).ByClass()
	for class, index := range members {
		Stream(s.Seed, "split-class", uint64(class)).Shuffle(len(index),
			func(i, j int) { index[i], index[j] = index[j], index[i] })
		start := 0
		for client, end := range shares(class, len(index), classes) {
			parts[client] = append(parts[client], index[start:end]...)
			start = end
		}
	}
}

// ringShares cuts n samples into equal parts, one per holder of the class in
// client order; the last holder takes the remainder (fedd3.md 1.6).
func (s Split) ringShares(class, n, classes int) []int {
	holds := func(client int) bool { return (class-client%classes+classes)%classes < s.PerClient }
	holders := 0
	for client := range s.Clients {
		if holds(client) {
			holders++
		}
	}
	ends, seen := make([]int, s.Clients), 0
	for client := range ends {
		if holds(client) {
			seen++
		}
		if holders > 0 {
			ends[client] = seen * (n / holders)
		}
		if seen == holders && holders > 0 {
			ends[client] = n
		}
	}
	return ends
}

func (s Split) dirichletShares(class, n, _ int) []int {
	draw := distuv.Gamma{Alpha: s.Alpha, Beta: 1, Src: Stream(s.Seed, "split-dirichlet", uint64(class))}
	weight, sum := make([]float64, s.Clients), 0.0
	for i := range weight {
		weight[i] = draw.Rand()
		sum += weight[i]
	}
	if sum == 0 { // every weight is below what a float holds
		weight, sum = s.tinyWeights(class)
	}
	ends, total := make([]int, s.Clients), 0.0
	for i := range ends {
		total += weight[i]
		ends[i] = min(n, int(math.Round(float64(n)*total/sum)))
	}
	ends[s.Clients-1] = n
	return ends
}

// tinyWeights draws weights of a Dirichlet whose gamma variates underflow: as
// logarithms, log Gamma(a) = log Gamma(a+1) + log(U)/a, of which the largest
// becomes 1.
func (s Split) tinyWeights(class int) (weight []float64, sum float64) {
	rng := Stream(s.Seed, "split-dirichlet-tiny", uint64(class))
	draw := distuv.Gamma{Alpha: s.Alpha + 1, Beta: 1, Src: rng}
	weight = make([]float64, s.Clients)
	for i := range weight {
		weight[i] = math.Log(draw.Rand()) + math.Log(1-rng.Float64())/s.Alpha
	}
	most := slices.Max(weight)
	for i, w := range weight {
		weight[i] = math.Exp(w - most)
		sum += weight[i]
	}
	return weight, sum
}

// ClassTable counts the samples of each class in each part: parts x classes.
func ClassTable(labels []int, classes int, parts [][]int) [][]int {
	table := make([][]int, len(parts))
	for i, part := range parts {
		table[i] = make([]int, classes)
		for _, j := range part {
			table[i][labels[j]]++
		}
	}
	return table
}
