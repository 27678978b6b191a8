package data

import (
	"math"
	"slices"
	"testing"
)

func labelsOf(perClass, classes int) []int {
	out := make([]int, 0, perClass*classes)
	for i := range perClass * classes {
		out = append(out, i%classes)
	}
	return out
}

func splits() []Split {
	return []Split{
		{Kind: Ring, Clients: 10, PerClient: 2}, {Kind: Ring, Clients: 37, PerClient: 3, Seed: 4},
		{Kind: IID, Clients: 7}, {Kind: Dirichlet, Clients: 10, Alpha: 0.1}, {Kind: Dirichlet, Clients: 10, Alpha: 1e-6},
	}
}

func TestEverySampleIsUsedOnce(t *testing.T) {
	labels := labelsOf(123, 10)
	for _, s := range splits() {
		parts, err := s.Parts(labels, 10)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(parts...)
		slices.Sort(all)
		if len(all) != len(labels) || !slices.Equal(all, slices.Compact(slices.Clone(all))) {
			t.Errorf("%s: %d samples handed out, %d there", s, len(all), len(labels))
		}
	}
}

func TestSplitsFollowTheirSeed(t *testing.T) {
	labels := labelsOf(50, 10)
	for _, s := range splits() {
		a, _ := s.Parts(labels, 10)
		b, _ := s.Parts(labels, 10)
		s.Seed++
		c, _ := s.Parts(labels, 10)
		if !slices.Equal(a[0], b[0]) || slices.Equal(a[0], c[0]) {
			t.Errorf("%s: same seed equal %t, other seed equal %t", s, slices.Equal(a[0], b[0]), slices.Equal(a[0], c[0]))
		}
	}
}

func TestRingGivesNeighboringClasses(t *testing.T) {
	labels := labelsOf(100, 10)
	parts, err := Split{Kind: Ring, Clients: 10, PerClient: 2}.Parts(labels, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, counts := range ClassTable(labels, 10, parts) {
		for c, n := range counts {
			want := 0
			if c == i || c == (i+1)%10 {
				want = 50
			}
			if n != want {
				t.Errorf("client %d, class %d: %d samples, want %d", i, c, n, want)
			}
		}
	}
}

func TestSplitsHaveShortNames(t *testing.T) {
	for i, want := range []string{"ring2", "ring3-s4", "iid", "dir0.1", "dir1e-06"} {
		if got := splits()[i].String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A small alpha gives each class to one client, a large one equal shares.
func TestDirichletHoldsAtItsLimits(t *testing.T) {
	labels := labelsOf(100, 10)
	for _, alpha := range []float64{MinAlpha, 1e-6, 1e-5, 1e-4, maxAlpha} {
		parts, err := Split{Kind: Dirichlet, Clients: 5, Alpha: alpha}.Parts(labels, 10)
		if err != nil {
			t.Fatal(err)
		}
		holders := map[int]bool{}
		for client, counts := range ClassTable(labels, 10, parts) {
			for class, n := range counts {
				if alpha < 1 && n != 0 && n != 100 || alpha > 1 && n != 20 {
					t.Errorf("alpha %g: client %d has %d of class %d", alpha, client, n, class)
				}
				if n > 0 {
					holders[client] = true
				}
			}
		}
		if len(holders) < 2 {
			t.Errorf("alpha %g: one client has everything", alpha)
		}
	}
}

// Parts of ordinary alphas are registered by their rule alone and must not change.
func TestDirichletSharesStayTheSame(t *testing.T) {
	for alpha, want := range map[float64][]int{
		.1: {0, 0, 13, 0, 87, 100, 0, 0}, .5: {34, 64, 15, 30, 5, 6, 46, 0}, 1: {58, 24, 2, 12, 6, 55, 34, 9}, 10: {24, 27,
			18, 23, 33, 30, 25, 20},
	} {
		parts, err := Split{Kind: Dirichlet, Clients: 4, Alpha: alpha, Seed: 3}.Parts(labelsOf(100, 2), 2)
		if err != nil {
			t.Fatal(err)
		}
		got := ClassTable(labelsOf(100, 2), 2, parts)
		if all := slices.Concat(got...); !slices.Equal(all, want) {
			t.Errorf("alpha %g: %v, want %v", alpha, all, want)
		}
	}
}

func TestBadSplitsAreRefused(t *testing.T) {
	for _, s := range []Split{{Kind: Ring, Clients: 10}, {Kind: Ring, Clients: 3, PerClient: 11}, {Kind: IID},
		{Kind: Dirichlet, Clients: 3}, {Kind: Dirichlet, Clients: 3, Alpha: 1e-300},
		{Kind: Dirichlet, Clients: 3, Alpha: 1e308}, {Kind: Dirichlet, Clients: 3, Alpha: math.NaN()}, {Kind: "star",
			Clients: 3}} {
		if _, err := s.Parts(labelsOf(5, 10), 10); err == nil {
			t.Errorf("%+v accepted", s)
		}
	}
}
