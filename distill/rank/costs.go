package rank

import (
	"sync"
	"time"

	"github.com/distillmesh/distillmesh/distill/trial"
)

// Costs are what a ranking took. They differ from run to run, so a document holds them only
// when they are asked for.
type Costs struct {
	// WallSeconds is how long the call took; what the folder held already took nothing.
	WallSeconds float64 `json:"wall_seconds"`
	// PeakRSS is the largest memory of the process meanwhile.
	PeakRSS float64   `json:"peak_rss_mib"`
	Rows    []RowCost `json:"rows"` // as those of the document
}

// RowCost is what the trainings of a row took, one after the other, whenever they were made. Rows share
// controls, and each counts them.
type RowCost struct {
	Set   string `json:"set"`
	Model string `json:"model"`
	// Trainings is how many there are, those that choose learning rates included.
	Trainings int `json:"trainings"`
	// TrainSeconds is the time of trainings on the set and on random real images and of their evaluation,
	// RealSeconds that of trainings on all real data.
	TrainSeconds float64 `json:"train_seconds"`
	RealSeconds  float64 `json:"real_seconds"`
	// PeakRSS is the largest memory of the process during these, trainings side by side included.
	PeakRSS float64 `json:"peak_rss_mib"`
}

// spent sums trainings up. Several goroutines may use it.
type spent struct {
	mu        sync.Mutex
	trainings int
	seconds   float64
	peak      float64 // MiB
}

func (s *spent) add(r trial.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trainings++
	s.seconds += r.TrainSeconds
	s.peak = max(s.peak, r.PeakRSS)
}

// join adds another sum, which nobody uses any more.
func (s *spent) join(o *spent) {
	s.trainings += o.trainings
	s.seconds += o.seconds
	s.peak = max(s.peak, o.peak)
}

// costOf is the cost of a row with these arms.
func (w *work) costOf(c Candidate, a arms, real *outcome) RowCost {
	row := RowCost{Set: c.Name, Model: w.model, Trainings: real.spent.trainings, RealSeconds: real.spent.seconds,
		PeakRSS: real.spent.peak}
	counted := map[*outcome]bool{}
	for _, one := range a.all() {
		if o := w.done[one.id()]; !counted[o] {
			counted[o] = true
			row.Trainings += o.spent.trainings
			row.TrainSeconds += o.spent.seconds
			row.PeakRSS = max(row.PeakRSS, o.spent.peak)
		}
	}
	return row
}

// finish fills in what is known at the end.
func (c *Costs) finish(began time.Time, watch *trial.Watch) {
	c.WallSeconds, c.PeakRSS = time.Since(began).Seconds(), watch.MiB()
}
