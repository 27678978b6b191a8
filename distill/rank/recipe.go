package rank

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// ErrRecipe is wrapped by every refusal of a recipe.
var ErrRecipe = errors.New("recipe refused")

// Labels is where the labels of a training come from.
type Labels string

// The kinds of labels.
const (
	Hard    Labels = "hard"    // the class of each image
	Stored  Labels = "stored"  // a row of probabilities with each image (mode S); random real images get the teacher's
	Teacher Labels = "teacher" // a network's answer to every augmented batch (mode M)
)

// Squares is the loss of a recipe by the squared differences from the logits of a teacher.
const Squares = "squares"

// Rates is the grid that learning rates are chosen from.
var Rates = []float64{0.001, 0.005, 0.01, 0.05, 0.1}

// Recipe is how a set and its controls are trained on for a score.
type Recipe struct {
	Name string `json:"name"`
	// Methods are the names of methods that it is for, when none is asked for.
	Methods []string `json:"methods,omitempty"`
	Labels  Labels   `json:"labels"`
	// Temperature is that of the teacher's labels and of the loss.
	Temperature float64 `json:"temperature,omitempty"`
	// TeacherModel is the model that labels, or several, with commas between, whose logits are averaged;
	// empty for the model that is trained.
	TeacherModel string `json:"teacher,omitempty"`
	// Loss is Squares, or empty for the divergence from the labels at the temperature.
	Loss string `json:"loss,omitempty"`
	// Truth is the weight of the cross-entropy with the classes of images beside Squares.
	Truth float64 `json:"truth,omitempty"`
	// AugmentHard augments the training with hard labels of a set that has other labels too.
	AugmentHard bool `json:"augment_hard,omitempty"`
	// ZCA whitens all images by the statistics of the training samples.
	ZCA bool `json:"zca,omitempty"`
	// Rates are the learning rates to choose from; that of Train is not used.
	Rates []float64 `json:"rates"`
	// Train is the rest. Its epochs are passes over the images of the set.
	Train recipe.Recipe `json:"train"`
}

//go:embed recipes/*.toml
var shipped embed.FS

// Usual is the name of the recipe for methods that have none of their own.
const Usual = "dsa"

// reference is the name of the recipe of all real data.
const reference = "reference"

// Shipped is a recipe of the program by name. It fails with ErrRecipe.
func Shipped(name string) (Recipe, error) {
	doc, err := shipped.ReadFile("recipes/" + name + ".toml")
	if err != nil {
		return Recipe{}, fmt.Errorf("%w: no recipe %q, have %s", ErrRecipe, name, strings.Join(ShippedNames(), ", "))
	}
	return ParseRecipe(name, doc)
}

// ShippedNames are the names of the recipes of the program.
func ShippedNames() (names []string) {
	entries, err := shipped.ReadDir("recipes")
	if err != nil {
		panic(err) // embedded
	}
	for _, e := range entries {
		if name := strings.TrimSuffix(path.Base(e.Name()), ".toml"); name != reference {
			names = append(names, name)
		}
	}
	return names
}

// For is the recipe of a method: that which names it, else Usual.
func For(method string) (Recipe, error) {
	for _, name := range ShippedNames() {
		r, err := Shipped(name)
		if err != nil {
			return r, err
		}
		if slices.Contains(r.Methods, method) {
			return r, nil
		}
	}
	return Shipped(Usual)
}

// schedules are the words for schedules in files, as DD-Ranking has them.
var schedules = map[string]string{"": "", "step": recipe.Stepwise, "cosine": recipe.HalfCosine,
	"cosineannealing": recipe.Cosine}

// ParseRecipe reads a recipe in TOML. Its keys are those of Recipe in JSON, [train] those
// of recipe.Recipe. The schedule is "step" (a tenth after each drop, a share of the
// training), "cosine", which ends at half of the rate, or "cosineannealing", which ends
// at zero. It fails with ErrRecipe.
func ParseRecipe(name string, doc []byte) (Recipe, error) {
	fail := func(err error) (Recipe, error) { return Recipe{}, fmt.Errorf("%w: %s: %w", ErrRecipe, name, err) }
	var values map[string]any
	if err := toml.Unmarshal(doc, &values); err != nil {
		return fail(err)
	}
	r := Recipe{Name: name, Rates: slices.Clone(Rates)}
	if training, ok := values["train"].(map[string]any); ok {
		word, _ := training["schedule"].(string)
		schedule, known := schedules[word]
		if !known {
			return fail(fmt.Errorf("schedule %q, want step, cosine or cosineannealing", word))
		}
		training["schedule"] = schedule
		if _, ok := training["lr"]; ok {
			return fail(errors.New("lr in [train]: learning rates are chosen from rates"))
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		return fail(err) // NaN and infinities, which TOML has
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return fail(err)
	}
	if err := r.Validate(); err != nil {
		return fail(err)
	}
	return r, nil
}

// Limits of a recipe, which may come from a peer.
const (
	maxRates  = 16
	maxEpochs = 10_000
)

// Validate names the first field that is out of range.
func (r Recipe) Validate() error {
	switch {
	case r.Labels != Hard && r.Labels != Stored && r.Labels != Teacher:
		return fmt.Errorf("labels %q, want hard, stored or teacher", r.Labels)
	case r.Loss != "" && (r.Loss != Squares || r.Labels != Teacher):
		return fmt.Errorf("loss %q of labels %s, want %s, of a teacher, or none", r.Loss, r.Labels, Squares)
	case !(r.Truth >= 0 && r.Truth <= 1) || r.Truth != 0 && r.Loss != Squares:
		return fmt.Errorf("truth %v, want 0 to 1, with loss %s only", r.Truth, Squares)
	case len(r.teachers()) > train.MaxTeachers:
		return fmt.Errorf("%d teachers, at most %d", len(r.teachers()), train.MaxTeachers)
	case (r.Labels == Teacher && r.Loss == "") != (r.Temperature != 0) ||
		!(r.Temperature >= 0 && r.Temperature <= train.MaxTemperature):
		return fmt.Errorf("temperature %v, want above 0 and at most %d, with labels of a teacher, and not with loss %s",
			r.Temperature, train.MaxTemperature, Squares)
	case r.TeacherModel != "" && r.Labels == Hard:
		return fmt.Errorf("teacher %s, and labels are hard", r.TeacherModel)
	case len(r.Rates) == 0 || len(r.Rates) > maxRates:
		return fmt.Errorf("%d rates, want 1 to %d", len(r.Rates), maxRates)
	case r.Train.Coarse != 0 || r.Train.Band != 0:
		return errors.New("the resolution is that of the images, not of a recipe")
	case r.Train.Mix != "" && r.Labels != Teacher:
		return fmt.Errorf("mix %s, and labels are %s: only a teacher can label mixed images", r.Train.Mix, r.Labels)
	case r.Train.Epochs > maxEpochs || r.Train.MaxSteps > 0 || r.Train.MinSteps > 0:
		return fmt.Errorf("epochs %d, want at most %d, without min_steps and max_steps", r.Train.Epochs, maxEpochs)
	}
	for _, rate := range r.Rates {
		if err := r.at(rate).Validate(); err != nil {
			return err
		}
	}
	return nil
}

// teachers are the names of the models that label; none for the model that is trained.
func (r Recipe) teachers() []string {
	if r.TeacherModel == "" {
		return nil
	}
	return strings.Split(r.TeacherModel, ",")
}

// at is the training at a learning rate.
func (r Recipe) at(rate float64) recipe.Recipe {
	t := r.Train
	t.LR = rate
	return t
}

// On is the recipe for images whose class a flip changes or not: DSA's augmentation flips
// only where it does not.
func (r Recipe) On(flips bool) Recipe {
	if r.Train.Augment == recipe.DSA && !flips {
		r.Train.Augment = recipe.DSANoFlip
	}
	if !flips {
		if rest, ok := strings.CutSuffix(r.Train.Augment, "_"+recipe.Flip); ok {
			r.Train.Augment = rest
		}
	}
	return r
}

// plain is the recipe without random changes of images.
func (r Recipe) plain() Recipe {
	r.Train.Augment, r.Train.Elastic, r.Train.CutMix, r.Train.Mix, r.Train.MixBeta = "", 0, 0, "", 0
	return r
}

// augmented is the recipe, with DSA's augmentation where it has none.
func (r Recipe) augmented() Recipe {
	if t := r.Train; t.Augment == "" && t.Elastic == 0 && t.CutMix == 0 && t.Mix == "" {
		r.Train.Augment = recipe.DSA
	}
	return r
}

// hard is the recipe with the labels of classes: augmented as such a training is.
func (r Recipe) hard() Recipe {
	if r.Labels == Hard {
		return r
	}
	augment := r.AugmentHard
	if !augment {
		r = r.plain()
	}
	r.Labels, r.Temperature, r.TeacherModel, r.Loss, r.Truth = Hard, 0, "", "", 0
	r.Train.Mix, r.Train.MixBeta = "", 0
	return r
}
