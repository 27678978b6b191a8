package judge

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

var shape = data.Shape{C: 1, H: 8, W: 8}

const classes = 6

// blobs are n samples of each class in a set: a bright spot of its own, in noise.
func blobs(seed uint64, n int, held ...int) *data.Samples {
	rng := data.Stream(seed, "judge")
	s := &data.Samples{Shape: shape, Classes: classes}
	for _, c := range held {
		for range n {
			for j := range shape.Size() {
				v := 0.4 * rng.NormFloat64()
				if j/10 == c {
					v++
				}
				s.X = append(s.X, float32(v))
			}
			s.Y = append(s.Y, c)
		}
	}
	return s
}

// ring is a set of two neighboring classes for each class.
func ring() (out []*data.Samples) {
	for k := range classes {
		out = append(out, blobs(uint64(k), 10, k, (k+1)%classes))
	}
	return out
}

// permuted gives a set the labels of other classes.
func permuted(s *data.Samples, by int) {
	for i, y := range s.Y {
		s.Y[i] = (y + by) % classes
	}
}

// swapped exchanges the two labels of a set.
func swapped(s *data.Samples) {
	held := s.Held()
	for i, y := range s.Y {
		s.Y[i] = held[0] + held[1] - y
	}
}

func TestPoisonedSetsAreFoundAndHonestOnesAreNot(t *testing.T) {
	own := blobs(100, 8, 0, 1, 2, 3, 4, 5)
	for name, c := range map[string]struct {
		spoil func(sets []*data.Samples)
		own   *data.Samples
		want  []int
	}{
		"all honest":                        {func([]*data.Samples) {}, nil, nil},
		"all honest, beside own samples":    {func([]*data.Samples) {}, own, nil},
		"one with exchanged labels":         {func(s []*data.Samples) { swapped(s[2]) }, nil, []int{2}},
		"one with exchanged labels, known":  {func(s []*data.Samples) { swapped(s[2]) }, own, []int{2}},
		"two of six":                        {func(s []*data.Samples) { swapped(s[1]); swapped(s[4]) }, nil, []int{1, 4}},
		"noise":                             {func(s []*data.Samples) { s[3] = noise(s[3]) }, nil, []int{3}},
		"noise, beside own samples":         {func(s []*data.Samples) { s[3] = noise(s[3]) }, own, []int{3}},
		"three neighbors in collusion":      {collude, own, []int{0, 1, 2}},
		"one permuted to classes of others": {func(s []*data.Samples) { permuted(s[5], 3) }, nil, []int{5}},
	} {
		sets := ring()
		c.spoil(sets)
		verdicts, err := Sets(t.Context(), Question{Sets: sets, Own: c.own})
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for i, v := range verdicts {
			if v.Quarantined {
				got = append(got, i)
				if !strings.Contains(v.Why, "comparable") {
					t.Errorf("%s: set %d because %q", name, i, v.Why)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: quarantined %v, want %v: %+v", name, got, c.want, verdicts)
		}
	}
}

func collude(s []*data.Samples) {
	for _, one := range s[:3] {
		permuted(one, 2)
	}
}

// noise is a set of noise with the same labels.
func noise(s *data.Samples) *data.Samples {
	rng := data.Stream(1, "noise")
	for i := range s.X {
		s.X[i] = float32(rng.NormFloat64())
	}
	return s
}

func TestASetAloneWithItsClassIsKeptAndMarked(t *testing.T) {
	sets := []*data.Samples{blobs(1, 10, 0, 1), blobs(2, 10, 0, 1), blobs(3, 10, 0, 1), blobs(4, 10, 5),
		blobs(5, 10, 1, 4)}
	verdicts, err := Sets(t.Context(), Question{Sets: sets})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Quarantined {
			t.Errorf("set %d: %+v", i, v)
		}
	}
	if v := verdicts[3]; !slices.Equal(v.Alone, []int{5}) || v.Compared != 0 || !strings.Contains(v.Why, "alone") {
		t.Errorf("alone with class 5: %+v", v)
	}
	if v := verdicts[4]; !slices.Equal(v.Alone, []int{4}) || v.Compared != 10 || v.Why != "" {
		t.Errorf("alone with class 4: %+v", v)
	}
}

func TestTheBlockIdentityIsTrainingWithoutTheSet(t *testing.T) {
	q := Question{Sets: ring(), Own: blobs(100, 4, 0, 1, 2, 3, 4, 5)}
	b, err := newBoard(t.Context(), q, mostImages)
	if err != nil {
		t.Fatal(err)
	}
	left := b.left()
	h, a, err := b.solve(left)
	if err != nil {
		t.Fatal(err)
	}
	cross := b.columns(left)
	v := Verdict{}
	at := positions(left, func(i int) bool { return b.set[i] == 2 })
	if err := b.judge(2, left, at, h, a, cross, b.right(cross, a), &v); err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, right := range b.right(cross, a) {
		if right {
			all++
		}
	}
	b.gone[2] = true
	rest := b.left()
	_, without, err := b.solve(rest)
	if err != nil {
		t.Fatal(err)
	}
	fewer := 0
	for _, right := range b.right(b.columns(rest), without) {
		if right {
			fewer++
		}
	}
	// The ridge is relative to the mean diagonal, which differs a little without the set.
	if got, want := v.Gain, float64(all-fewer)/float64(b.own); math.Abs(got-want) > 1.5/float64(b.own) {
		t.Errorf("gain %v, trained again %v", got, want)
	}
}

func TestTooFewSetsAreNotJudged(t *testing.T) {
	sets := ring()[:2]
	swapped(sets[1])
	verdicts, err := Sets(t.Context(), Question{Sets: sets})
	if err != nil || verdicts[0].Quarantined || verdicts[1].Quarantined || !strings.Contains(verdicts[0].Why, "too few") {
		t.Errorf("%+v, %v", verdicts, err)
	}
	verdicts, err = Sets(t.Context(), Question{Sets: sets, Own: blobs(9, 10, 0, 1, 2)})
	if err != nil || verdicts[0].Quarantined || !verdicts[1].Quarantined {
		t.Errorf("beside own samples: %+v, %v", verdicts, err)
	}
}

func TestSetsThatCannotBeJudgedAreRefused(t *testing.T) {
	other := blobs(1, 4, 0)
	other.Shape = data.Shape{C: 1, H: 4, W: 16}
	broken := blobs(1, 4, 0, 1)
	broken.X[3] = float32(math.NaN())
	for name, q := range map[string]Question{
		"another shape":              {Sets: append(ring(), other)},
		"no images":                  {Sets: append(ring(), &data.Samples{Shape: shape, Classes: classes})},
		"values that are no numbers": {Sets: append(ring(), broken)},
	} {
		if _, err := Sets(t.Context(), q); err == nil {
			t.Errorf("%s: judged", name)
		}
	}
}

func TestAnHonestSetThatGainsNothingIsKept(t *testing.T) {
	for seed := range uint64(20) {
		sets := []*data.Samples{blobs(seed, 1, 0, 1), blobs(seed+50, 1, 1, 2, 3, 4, 5), blobs(seed+100, 2, 0, 1)}
		verdicts, err := Sets(t.Context(), Question{Sets: sets, Own: blobs(seed+150, 10, 0, 1, 2, 3, 4, 5)})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range verdicts {
			if v.Quarantined {
				t.Errorf("seed %d, set %d: %+v", seed, i, v)
			}
		}
	}
}

func TestWhereMostSetsContradictEachOtherNoneIsLeftOut(t *testing.T) {
	sets := ring()
	for i, s := range sets {
		permuted(s, i)
	}
	verdicts, err := Sets(t.Context(), Question{Sets: sets})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Quarantined {
			t.Errorf("set %d: %+v", i, v)
		}
	}
	verdicts, err = Sets(t.Context(), Question{Sets: sets, Own: blobs(77, 8, 0, 1, 2, 3, 4, 5)})
	if err != nil || verdicts[0].Quarantined || !verdicts[1].Quarantined || !verdicts[5].Quarantined {
		t.Errorf("beside own samples: %+v, %v", verdicts, err)
	}
}

// crowd is many sets of two images, of which the first few have their labels exchanged.
func crowd(n, bad int) (sets []*data.Samples) {
	for i := range n {
		s := blobs(uint64(i), 1, i%classes, (i+1)%classes)
		if i < bad {
			swapped(s)
		}
		sets = append(sets, s)
	}
	return sets
}

// Sets are free: whoever publishes a thousand of them must not make the judgment take hours.
func TestManySetsAreJudgedInGroupsThatNobodyChooses(t *testing.T) {
	const n, bad = 600, 40
	sets := crowd(n, bad)
	q := Question{Sets: sets}
	groups, seen := q.groups(), make([]bool, n)
	for _, g := range groups {
		if len(g) > mostSets || !slices.IsSorted(g) {
			t.Errorf("a group of %d sets: %v", len(g), g)
		}
		for _, i := range g {
			seen[i] = true
		}
	}
	if len(groups) != 3 || slices.Contains(seen, false) {
		t.Errorf("%d groups without some sets", len(groups))
	}
	if again := q.groups(); !slices.EqualFunc(groups, again, slices.Equal) {
		t.Error("the same sets have other groups the second time")
	}
	sets[n-1].X[0]++
	if other := q.groups(); slices.EqualFunc(groups, other, slices.Equal) {
		t.Error("other sets have the same groups")
	}
	sets[n-1].X[0]--
	verdicts, err := Sets(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Quarantined != (i < bad) {
			t.Errorf("set %d: %+v", i, v)
		}
	}
	if one := (Question{Sets: sets[:mostSets]}).groups(); len(one) != 1 || len(one[0]) != mostSets || one[0][7] != 7 {
		t.Errorf("%d sets have %d groups", mostSets, len(one))
	}
}
