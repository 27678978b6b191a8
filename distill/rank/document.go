package rank

import (
	"github.com/distillmesh/distillmesh/distill/trial"
)

// SchemaVersion is that of Document.
const SchemaVersion = 1

// Document is the scores of a plan. It holds no times but in Costs: the same plan gives the same
// bytes on processors of the same kind.
type Document struct {
	SchemaVersion int    `json:"schema_version"`
	Data          string `json:"data"`
	Task          string `json:"task"` // CID
	Train         int    `json:"train"`
	Validation    int    `json:"validation"` // held out of the training samples; learning rates are chosen on them
	Test          int    `json:"test"`
	Engine        string `json:"engine"`
	// References is the number of trainings on all real data, Epochs the length of each.
	References int   `json:"references"`
	Epochs     int   `json:"epochs"`
	Rows       []Row `json:"rows"`
	// Tau compares the orders of the sets by two models.
	Tau []Agreement `json:"tau,omitempty"`
	// Notes say what was left out.
	Notes []string `json:"notes,omitempty"`
	// Costs are there only when asked for.
	Costs *Costs `json:"costs,omitempty"`
}

// Row is one set on one model. Accuracies and scores are fractions of the test part, nil
// where they were not measured. Own means the labels and the recipe of the set; random
// real images get labels of the same kind.
type Row struct {
	Set    string `json:"set"`
	Method string `json:"method"`
	Model  string `json:"model"`
	Images int    `json:"images"`
	Bytes  int64  `json:"bytes"`

	AccReal        *trial.Spread `json:"acc_real"`
	AccSynHard     *trial.Spread `json:"acc_syn_hard"`
	AccSynOwn      *trial.Spread `json:"acc_syn_own"`
	AccRandomOwn   *trial.Spread `json:"acc_random_own"`   // as many whole random real images
	AccRandomBytes *trial.Spread `json:"acc_random_bytes"` // random real images of the same bytes, through the same code
	AccSynAug      *trial.Spread `json:"acc_syn_aug"`
	AccSynNoAug    *trial.Spread `json:"acc_syn_noaug"`
	AccRandomAug   *trial.Spread `json:"acc_random_aug"`
	AccRandomNoAug *trial.Spread `json:"acc_random_noaug"`
	HLR            *trial.Spread `json:"hlr"`
	IOR            *trial.Spread `json:"ior"`
	LRS            *trial.Spread `json:"lrs"`
	ARS            *trial.Spread `json:"ars"`
	// Best are the same by the best of 20 points of each training, which the test part
	// chooses: only to compare with numbers that were chosen so.
	Best *Scores `json:"best,omitempty"`
	// Rates are the learning rates that were chosen, by arm.
	Rates  map[string]float64 `json:"rates,omitempty"`
	Recipe Recipe             `json:"recipe"`
	Seeds  []uint64           `json:"seeds"`
	// Coarse and Band are how the model sees images, as the set recommends.
	Coarse int `json:"coarse,omitempty"`
	Band   int `json:"band,omitempty"`
	// RandomImages is how many random real images have the bytes of the set, in the first draw.
	RandomImages int `json:"random_images,omitempty"`
	// LabelBytes is what the labels would weigh beside the set: of a teacher who labels every batch
	// its parameters, of stored ones that the set does not hold a float32 for each class and image.
	LabelBytes int64 `json:"label_bytes,omitempty"`
	// Teacher is the accuracy of what labels, where something does.
	Teacher *float64 `json:"teacher,omitempty"`
}

// Scores are those of best checkpoints.
type Scores struct {
	AccReal      *trial.Spread `json:"acc_real"`
	AccSynHard   *trial.Spread `json:"acc_syn_hard"`
	AccSynOwn    *trial.Spread `json:"acc_syn_own"`
	AccRandomOwn *trial.Spread `json:"acc_random_own"`
	HLR          *trial.Spread `json:"hlr"`
	IOR          *trial.Spread `json:"ior"`
	LRS          *trial.Spread `json:"lrs"`
}

// Agreement is how far two models order the sets by LRS alike.
type Agreement struct {
	Models [2]string `json:"models"`
	Sets   int       `json:"sets"`
	Tau    float64   `json:"tau"`
}

// spread is that of runs; nil for none.
func spread(r runs) *trial.Spread {
	if len(r) == 0 {
		return nil
	}
	s := trial.SpreadOf(r)
	return &s
}

// measured are the accuracies of a row's arms, of the last iterates or of best checkpoints.
type measured struct {
	real, hard, own, random, bytes, synAug, synPlain, randomAug, randomPlain runs
}

// labels are HLR, IOR and LRS by seed. The accuracy of all real data counts by its mean.
func (m measured) labels(weight float64) (hlr, ior, lrs runs, err error) {
	if len(m.real) > 0 {
		hlr = minus(runs{m.real.mean()}, m.hard)
	}
	ior = minus(m.own, m.random)
	lrs, err = scores(hlr, ior, weight, LRS)
	return hlr, ior, lrs, err
}

// fill computes a row's scores.
func (row *Row) fill(m, best measured, byLabels, byAugmentation float64) error {
	hlr, ior, lrs, err := m.labels(byLabels)
	if err != nil {
		return err
	}
	ars, err := scores(minus(m.synAug, m.randomAug), minus(m.synPlain, m.randomPlain), byAugmentation, ARS)
	if err != nil {
		return err
	}
	row.AccReal, row.AccSynHard, row.AccSynOwn, row.AccRandomOwn = spread(m.real), spread(m.hard), spread(m.own),
		spread(m.random)
	row.AccRandomBytes, row.AccSynAug, row.AccSynNoAug = spread(m.bytes), spread(m.synAug), spread(m.synPlain)
	row.AccRandomAug, row.AccRandomNoAug = spread(m.randomAug), spread(m.randomPlain)
	row.HLR, row.IOR, row.LRS, row.ARS = spread(hlr), spread(ior), spread(lrs), spread(ars)
	if len(best.own) == 0 {
		return nil
	}
	if hlr, ior, lrs, err = best.labels(byLabels); err != nil {
		return err
	}
	row.Best = &Scores{spread(best.real), spread(best.hard), spread(best.own), spread(best.random), spread(hlr),
		spread(ior), spread(lrs)}
	return nil
}

// agreements compares the orders by every two models, over sets that both have scored.
func agreements(rows []Row, models []string) (out []Agreement) {
	byModel := map[string]map[string]float64{}
	for _, r := range rows {
		if r.LRS == nil {
			continue
		}
		if byModel[r.Model] == nil {
			byModel[r.Model] = map[string]float64{}
		}
		byModel[r.Model][r.Set] = r.LRS.Mean
	}
	for i, first := range models {
		for _, second := range models[i+1:] {
			var a, b []float64
			for _, r := range rows { // in order, each set once
				v, both := byModel[second][r.Set]
				if r.Model == first && r.LRS != nil && both {
					a, b = append(a, r.LRS.Mean), append(b, v)
				}
			}
			if tau := Tau(a, b); len(a) > 1 && tau == tau {
				out = append(out, Agreement{[2]string{first, second}, len(a), tau})
			}
		}
	}
	return out
}
