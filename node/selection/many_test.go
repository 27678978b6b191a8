package selection

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/operations"
)

// plainly chooses as Choose is described: each time the best of all that are left.
func plainly(all []operations.SetInfo, classes int, budget int64) (cids []string) {
	have := make([]int, classes)
	for open := append([]operations.SetInfo{}, all...); len(open) > 0; {
		best, at := -1.0, 0
		for i, s := range open {
			value := 0.0
			for c, k := range s.Counts {
				part := 0.0
				for j := range min(k, worthCounting) {
					part += 1 / float64((have[c]+j+1)*(have[c]+j+1))
				}
				value += part
			}
			value /= float64(max(1, s.Bytes))
			if value > best || value == best && strings.Compare(s.CID, open[at].CID) < 0 {
				best, at = value, i
			}
		}
		s := open[at]
		open = append(open[:at], open[at+1:]...)
		if s.Bytes > budget {
			continue
		}
		budget -= s.Bytes
		cids = append(cids, s.CID)
		for c, k := range s.Counts {
			have[c] += k
		}
	}
	return cids
}

func TestManySetsAreChosenInTheOrderOfTheirValue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func(i int) (count int, bytes int64){
		"all kinds":      func(int) (int, int64) { return rng.IntN(90), 1 + rng.Int64N(3000) },
		"equal ones":     func(int) (int, int64) { return 1, 1000 },
		"nearly equal":   func(i int) (int, int64) { return 1 + rng.IntN(2), 1000 },
		"without images": func(int) (int, int64) { return 0, rng.Int64N(3) },
	} {
		var all []operations.SetInfo
		total := int64(0)
		for i := range 400 {
			s := operations.SetInfo{CID: fmt.Sprintf("%03d", rng.IntN(1000)) + fmt.Sprint(i)}
			for range 4 {
				var k int
				k, s.Bytes = draw(i)
				s.Counts = append(s.Counts, k)
			}
			total += s.Bytes
			all = append(all, s)
		}
		for _, budget := range []int64{max(1, total/3), total} {
			want := plainly(all, 4, budget)
			var got []string
			for _, c := range Choose(all, Request{Classes: 4, Budget: budget}) {
				if c.Taken {
					got = append(got, c.Set.CID)
				}
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s: %d of %d sets, or in another order: %v, want %v", name, len(got), len(want), got[:5], want[:5])
			}
		}
	}
}

// BenchmarkChoose chooses among as many sets as a book holds records.
func BenchmarkChoose(b *testing.B) {
	var all []operations.SetInfo
	for i := range 8000 {
		s := operations.SetInfo{CID: fmt.Sprint(i), Bytes: int64(100_000 + i)}
		for c := range 10 {
			s.Counts = append(s.Counts, 60+c+i%7)
		}
		all = append(all, s)
	}
	for b.Loop() {
		Choose(all, Request{Classes: 10})
	}
}
