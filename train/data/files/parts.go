package files

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Use is what a part of the data is for.
type Use string

// What a part is for.
const (
	Train  Use = "train"
	Test   Use = "test"
	Ignore Use = "ignore"
)

// validation is the use of a validation part until it is known whether there is
// a test part.
const validation Use = "validation"

// partWords are the usual names of parts.
var partWords = map[string]Use{
	"train": Train, "training": Train, "tr": Train,
	"test": Test, "testing": Test, "t10k": Test,
	"val": validation, "valid": validation, "validation": validation, "dev": validation,
}

// afterPart are words that may follow the name of a part.
var afterPart = []string{"set", "data", "dataset", "images", "image", "imgs", "img", "pictures", "samples", "split",
	"folder", "part"}

// PartOf is the part that a name stands for, in any case, with or without a
// suffix such as set or data; empty when there is none.
func PartOf(name string) Use {
	name = strings.TrimRight(strings.ToLower(strings.TrimSpace(name)), "0123456789") // train2017, test1
	if use, ok := partWords[name]; ok {
		return use
	}
	for _, word := range afterPart {
		if before, ok := strings.CutSuffix(name, word); ok {
			if use, ok := partWords[strings.TrimRight(before, "_- ")]; ok {
				return use
			}
		}
	}
	return ""
}

// IsPartName reports whether a name is that of a part.
func IsPartName(name string) bool { return PartOf(name) != "" }

// PartWord is the part that a longer name begins or ends with, as it is spelt:
// train of mnist_train and of train-00000-of-00001; the name itself when it is of a
// part, and empty when none is in it.
func PartWord(name string) string {
	if name = strings.TrimSpace(name); IsPartName(name) {
		return name
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("_-. ", r) })
	for _, w := range []int{0, len(words) - 1} {
		if len(words) > 1 && IsPartName(words[w]) {
			return words[w]
		}
	}
	return ""
}

// Uses says what the named parts of data are used for. asked maps names to uses
// and takes precedence; it may contain unusual names. A validation part is for
// testing when there is no test part, and ignored otherwise; this is reported.
func Uses(names []string, asked map[string]string, a *Account) (map[string]Use, error) {
	if a != nil {
		a.Parted = a.Parted || len(names) > 0
	}
	out, have := map[string]Use{}, map[Use]bool{}
	for _, n := range names {
		out[n] = PartOf(PartWord(n))
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
		if i < 0 {
			return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: there is no part %s", ErrFormat, Quoted(name)),
				Hint: "name one of: " + Joined(names)}
		}
		use := Use(asked[name])
		if use != Train && use != Test && use != Ignore {
			return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: part %s is for %s", ErrFormat, name, Quoted(string(use))),
				Hint: "write --part NAME=train, test or ignore"}
		}
		out[names[i]] = use
	}
	for _, use := range out {
		have[use] = true
	}
	for _, n := range names {
		switch {
		case out[n] == "" && asked[n] == "":
			out[n] = Ignore
			a.Warn("part-unknown", "--part "+n+"=train", "%s is not used: its name says of no part what it is for", n)
		case out[n] == validation && have[Test]:
			out[n] = Ignore
			a.Assume("part-validation", "--part "+n+"=train", "%s is not used: there is a test part", n)
		case out[n] == validation:
			out[n] = Test
			a.Assume("part-validation", "--part "+n+"=train", "%s is used for testing, as there is no test part", n)
		}
	}
	for _, n := range names {
		if out[n] == Ignore {
			a.Leave(n)
		}
	}
	if len(names) > 0 && !slices.Contains(slices.Collect(maps.Values(out)), Train) {
		return nil, &Error{Place: Whole, Err: fmt.Errorf("%w: no part to train on among %s", ErrFormat, Joined(names)),
			Hint: "say which with --part NAME=train"}
	}
	return out, nil
}
