// Package scores is what nodes say of how good a set is: the scores that announcements carry,
// what of them this node computed itself, whether two of them agree, and what follows for a
// choice among sets. It trains nothing and knows no formula of a score.
package scores

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/p2p/wire"
)

// Schema is that of the body of a score's announcement.
const Schema = "score/1"

// MaxRows is how many models one announcement has room for.
const MaxRows = 4

// ErrRefused is wrapped by every refusal of a score.
var ErrRefused = errors.New("score refused")

// Limits of a score. An announcement has 4 KiB in all.
const (
	maxBody   = 3 << 10 // bytes
	maxRecipe = 1 << 10 // bytes of JSON
	maxName   = 64      // bytes of a model's name and others
	maxRuns   = 100     // trials, references, and the n of a value
	// rounding is how far a score may be from what its accuracies give.
	rounding = 1e-6
)

// Value is an accuracy or a score over runs: fractions.
type Value struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
	N    int     `json:"n"`
}

// Row is what was measured on one model; nil where it was not. The fields are those of a row of
// 'rank --json'.
type Row struct {
	Model          string `json:"model"`
	AccReal        *Value `json:"acc_real"`
	AccSynHard     *Value `json:"acc_syn_hard"`
	AccSynOwn      *Value `json:"acc_syn_own"`
	AccRandomOwn   *Value `json:"acc_random_own"`
	AccRandomBytes *Value `json:"acc_random_bytes"`
	AccSynAug      *Value `json:"acc_syn_aug"`
	AccSynNoAug    *Value `json:"acc_syn_noaug"`
	AccRandomAug   *Value `json:"acc_random_aug"`
	AccRandomNoAug *Value `json:"acc_random_noaug"`
	HLR            *Value `json:"hlr"`
	IOR            *Value `json:"ior"`
	LRS            *Value `json:"lrs"`
	ARS            *Value `json:"ars"`
}

// Score is the body of an announcement: all that is needed to compute it again.
type Score struct {
	// Recipe is how everything was trained, in JSON as 'rank --json' writes it.
	Recipe     json.RawMessage `json:"recipe"`
	Trials     int             `json:"trials"`     // seeds, from 0
	References int             `json:"references"` // trainings on all real data
	Epochs     int             `json:"epochs"`     // of each of these
	Engine     string          `json:"engine"`
	// Data is the name of the real data, and the numbers of samples: to train on, held out of
	// them to choose learning rates by, and to test on. Print is a hash of the last.
	Data       string `json:"data"`
	Train      int    `json:"train"`
	Validation int    `json:"validation"`
	Test       int    `json:"test"`
	Print      string `json:"test_print"`
	Rows       []Row  `json:"rows"`
}

// named is a value of a row with its name and range.
type named struct {
	name      string
	value     **Value
	low, high float64
}

// Values lists those of a row in the order of tables, accuracies first.
func (r *Row) values() []named {
	return []named{
		{"acc_real", &r.AccReal, 0, 1}, {"acc_syn_hard", &r.AccSynHard, 0, 1}, {"acc_syn_own", &r.AccSynOwn, 0, 1},
		{"acc_random_own", &r.AccRandomOwn, 0, 1}, {"acc_random_bytes", &r.AccRandomBytes, 0, 1},
		{"acc_syn_aug", &r.AccSynAug, 0, 1}, {"acc_syn_noaug", &r.AccSynNoAug, 0, 1},
		{"acc_random_aug", &r.AccRandomAug, 0, 1}, {"acc_random_noaug", &r.AccRandomNoAug, 0, 1},
		{"hlr", &r.HLR, -1, 1}, {"ior", &r.IOR, -1, 1}, {"lrs", &r.LRS, 0, 1}, {"ars", &r.ARS, 0, 1},
	}
}

// Encode checks a score and writes it as canonical dag-cbor.
func (s *Score) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	m := wire.Map{KeepZeros: true}
	m.String("recipe", string(s.Recipe))
	for _, n := range s.numbers() {
		m.Int(n.name, int64(*n.value))
	}
	for _, w := range s.words() {
		m.String(w.name, *w.value)
	}
	var rows []*wire.Map
	for i := range s.Rows {
		row := &wire.Map{}
		row.String("model", s.Rows[i].Model)
		for _, v := range s.Rows[i].values() {
			if at := *v.value; at != nil {
				row.Floats(v.name, []float64{at.Mean, at.Std, float64(at.N)})
			}
		}
		rows = append(rows, row)
	}
	m.Maps("rows", rows)
	body, err := m.Encode()
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("%w: %d bytes, at most %d: announce fewer models", ErrRefused, len(body), maxBody)
	}
	return body, err
}

// Decode reads and checks a body that another node wrote. It allows fields that this version
// does not know. Whether the recipe is one, and whether LRS and ARS follow from the accuracies, is
// not checked here.
func Decode(schema string, body []byte) (*Score, error) {
	if schema != Schema {
		return nil, fmt.Errorf("%w: schema %q, this program reads %s", ErrRefused, schema, Schema)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrRefused, len(body), maxBody)
	}
	f, err := wire.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	s := &Score{Recipe: json.RawMessage(f.String("recipe", maxRecipe))}
	for _, n := range s.numbers() {
		*n.value = f.NativeInt(n.name)
	}
	for _, w := range s.words() {
		*w.value = f.String(w.name, w.most)
	}
	for _, row := range f.Maps("rows", MaxRows) {
		r := Row{Model: row.String("model", maxName)}
		for _, v := range r.values() {
			switch triple := row.Floats(v.name, 3); {
			case len(triple) == 0:
			case len(triple) < 3 || triple[2] != math.Trunc(triple[2]) || !(math.Abs(triple[2]) <= 1e6):
				return nil, fmt.Errorf("%w: %s: %v, want mean, deviation and a whole number", ErrRefused, v.name, triple)
			default:
				*v.value = &Value{triple[0], triple[1], int(triple[2])}
			}
		}
		if err := row.ReadErr(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		s.Rows = append(s.Rows, r)
	}
	if err := f.ReadErr(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return s, s.check()
}

// Digest tells bodies of announcements apart.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// number and word are fields of a score with their names.
type number struct {
	name      string
	value     *int
	low, high int
}

type word struct {
	name  string
	value *string
	most  int // bytes
}

func (s *Score) numbers() []number {
	return []number{
		{"trials", &s.Trials, 1, maxRuns}, {"references", &s.References, 1, maxRuns}, {"epochs", &s.Epochs, 1, 10_000},
		{"train", &s.Train, 1, 1 << 30}, {"validation", &s.Validation, 1, 1 << 30}, {"test", &s.Test, 1, 1 << 30},
	}
}

func (s *Score) words() []word {
	return []word{{"engine", &s.Engine, maxName}, {"data", &s.Data, 2 * maxName}, {"test_print", &s.Print, maxName}}
}

// check refuses what no measurement gives.
func (s *Score) check() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
	}
	for _, n := range s.numbers() {
		if *n.value < n.low || *n.value > n.high {
			return refuse("%s is %d, want %d to %d", n.name, *n.value, n.low, n.high)
		}
	}
	for _, w := range s.words() {
		if *w.value == "" || len(*w.value) > w.most || !prints(*w.value) {
			return refuse("%s is %q, want 1 to %d bytes that print", w.name, *w.value, w.most)
		}
	}
	if len(s.Recipe) > maxRecipe || !json.Valid(s.Recipe) {
		return refuse("its recipe is no JSON of at most %d bytes", maxRecipe)
	}
	if len(s.Rows) == 0 || len(s.Rows) > MaxRows {
		return refuse("%d models, want 1 to %d", len(s.Rows), MaxRows)
	}
	seen := map[string]bool{}
	for i := range s.Rows {
		r := &s.Rows[i]
		if r.Model == "" || len(r.Model) > maxName || !prints(r.Model) || seen[r.Model] {
			return refuse("a model is called %q, or listed twice", r.Model)
		}
		seen[r.Model] = true
		if err := r.check(); err != nil {
			return refuse("%s: %w", r.Model, err)
		}
	}
	return nil
}

// prints reports whether a text is UTF-8 without control characters.
func prints(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// check refuses values out of range, and differences that do not follow:
//
//	HLR = Acc(real) - Acc(set, hard labels), IOR = Acc(set) - Acc(random)
func (r *Row) check() error {
	for _, v := range r.values() {
		at := *v.value
		if at == nil {
			continue
		}
		switch {
		case !(at.Mean >= v.low && at.Mean <= v.high): // NaN too
			return fmt.Errorf("%s is %v, want %v to %v", v.name, at.Mean, v.low, v.high)
		case !(at.Std >= 0 && at.Std <= v.high-v.low):
			return fmt.Errorf("%s has the deviation %v, want 0 to %v", v.name, at.Std, v.high-v.low)
		case at.N < 1 || at.N > maxRuns || at.N == 1 && at.Std != 0:
			return fmt.Errorf("%s is of %d runs with the deviation %v, want 1 to %d, one without a deviation", v.name, at.N,
				at.Std, maxRuns)
		}
	}
	if r.LRS == nil || r.HLR == nil || r.IOR == nil {
		return errors.New("it has no LRS with the HLR and the IOR that it comes from")
	}
	for _, d := range []struct {
		name       string
		is, of, by *Value
	}{{"hlr", r.HLR, r.AccReal, r.AccSynHard}, {"ior", r.IOR, r.AccSynOwn, r.AccRandomOwn}} {
		if d.of == nil || d.by == nil {
			return fmt.Errorf("%s stands without the accuracies that it comes from", d.name)
		}
		if math.Abs(d.is.Mean-(d.of.Mean-d.by.Mean)) > rounding {
			return fmt.Errorf("%s is %v, and its accuracies give %v", d.name, d.is.Mean, d.of.Mean-d.by.Mean)
		}
	}
	return nil
}

// Gains are what the set gains over random images with augmentation and without, nil where that
// was not measured. Their deviations are bounds.
func (r *Row) Gains() (with, plain *Value) {
	gain := func(of, over *Value) *Value {
		if of == nil || over == nil {
			return nil
		}
		return &Value{of.Mean - over.Mean, of.Std + over.Std, max(of.N, over.N)}
	}
	return gain(r.AccSynAug, r.AccRandomAug), gain(r.AccSynNoAug, r.AccRandomNoAug)
}

// Follows refuses a score that does not follow from the two differences it is made of, with
// equal weights. The mean of a convex function over
// runs is no smaller than the function of the means, and larger by at most half its largest
// second derivative (steepest) times the variance of their weighted sum.
func Follows(is, a, b Value, score func(a, b float64) (float64, error), steepest float64) error {
	least, err := score(a.Mean, b.Mean)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	spread := (a.Std + b.Std) / 2
	if most := least + steepest/2*spread*spread; is.Mean < least-rounding || is.Mean > most+rounding {
		return fmt.Errorf("%w: a score of %v, and its accuracies give %v", ErrRefused, is.Mean, least)
	}
	return nil
}
