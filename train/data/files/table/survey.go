package table

import (
	"hash/maphash"
	"math"
	"math/bits"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// maxDistinct is how many different texts of a column are counted.
const maxDistinct = files.MaxClasses + 1

// wideTable is how many columns a table may have for the texts of all of them to
// be counted; of a wider one only of those at its ends.
const wideTable = 256

// column is what the first pass shows of one column.
type column struct {
	name                        string
	numbers, bools, dates, text int // fields of each kind
	missing, infinite, blank    int
	min, max                    float64
	whole                       bool // every number is whole
	short, floats               bool // every field is a whole number in its shortest form, or in the form of a float
	first, last                 float64
	sequence, rising            bool           // each number is one more, or larger, than the one before
	counts                      map[string]int // fields by text; nil when there are too many
	firstText                   string
	marks                       grouping
	pairs                       uint8    // of words for false and true that occur
	bits                        []uint64 // of a column of zeros and ones: where the ones are; nil of others
}

// kinds of a column.
const (
	empty     = "empty"
	number    = "number"
	boolKind  = "boolean"
	dateKind  = "date"
	wordsKind = "text"
)

// kind is what most fields of the column are; a column of numbers may have fields
// that are not.
func (c *column) kind() string {
	there := c.numbers + c.infinite + c.bools + c.dates + c.text
	switch {
	case there == 0 && c.blank == c.missing:
		return empty
	case there == 0:
		return wordsKind // words such as none
	case c.bools == there && c.onePair():
		return boolKind
	case c.dates == there:
		return dateKind
	case 2*(c.numbers+c.infinite) >= there:
		return number
	}
	return wordsKind
}

// distinct is how many different texts there are; -1 when they were not counted.
func (c *column) distinct() int {
	if c.counts == nil {
		return -1
	}
	return len(c.counts)
}

// commonest is the number of fields with the most frequent text; 0 when they were
// not counted.
func (c *column) commonest() float64 {
	most := 0
	for _, n := range c.counts {
		most = max(most, n)
	}
	return float64(most)
}

// isBinary reports whether every field is 0 or 1, false or true.
func (c *column) isBinary() bool {
	return c.bits != nil && c.missing+c.infinite+c.text+c.dates == 0 && c.onePair()
}

// onePair reports whether all words for false and true are of one pair.
func (c *column) onePair() bool { return bits.OnesCount8(c.pairs) <= 1 }

// survey is a first pass over the whole table.
type survey struct {
	columns []column
	rows    int
	blank   int // rows of nothing
	footer  string
	lines   []int
	format  format
	keys    map[uint64]struct{} // of the first column, where it may name the rows
	repeats bool                // the first column does
}

// newSurvey prepares the reading of rows of so many fields.
func newSurvey(fields int, names []string, f format) *survey {
	s := &survey{columns: make([]column, fields), format: f}
	for i := range s.columns {
		c := &s.columns[i]
		if i < len(names) {
			c.name = names[i]
		}
		c.min, c.max, c.whole, c.short, c.floats, c.sequence, c.rising = math.Inf(1), math.Inf(-1), true, true, true, true,
			true
		if fields <= wideTable || i < 2 || i >= fields-2 || isLabelName(c.name) {
			c.counts = map[string]int{}
		}
		if fields <= wideTable {
			c.bits = []uint64{}
		}
	}
	return s
}

// isBlank reports whether a row has nothing in it.
func isBlank(row []string) bool {
	for _, text := range row {
		if strings.TrimSpace(text) != "" {
			return false
		}
	}
	return true
}

var seed = maphash.MakeSeed()

// add takes one row.
func (s *survey) add(row []string, line int) {
	for i := range s.columns {
		s.columns[i].add(strings.TrimSpace(row[i]), s.rows, s)
	}
	if s.keys != nil && !s.repeats {
		key := maphash.String(seed, strings.TrimSpace(row[0]))
		_, s.repeats = s.keys[key]
		s.keys[key] = struct{}{}
	}
	s.rows++
	s.lines = append(s.lines, line)
}

// add takes the field of one row.
func (c *column) add(text string, row int, s *survey) {
	if c.counts != nil {
		if c.counts[text]++; len(c.counts) > maxDistinct {
			c.counts = nil
		}
	}
	if row == 0 {
		c.firstText = text
	}
	c.short = c.short && isShortInt(text)
	if c.floats {
		_, c.floats = wholeFloat(text)
	}
	if _, plain := shortInt(text); !plain {
		c.marks.note(text)
	}
	if c.bits != nil && !c.setBit(text, row) {
		c.bits = nil
	}
	v, err := s.format.parse(text)
	if err != nil {
		c.other(text)
		return
	}
	c.numbers++
	if c.numbers > 1 {
		c.sequence, c.rising = c.sequence && v == c.last+1, c.rising && v > c.last
	} else {
		c.first = v
	}
	c.last, c.min, c.max, c.whole = v, min(c.min, v), max(c.max, v), c.whole && v == math.Trunc(v)
}

// setBit notes a field of zero or one; false when it is neither.
func (c *column) setBit(text string, row int) bool {
	one, ok := zeroOrOne(text)
	if !ok {
		return false
	}
	for len(c.bits) <= row/64 {
		c.bits = append(c.bits, 0)
	}
	if one {
		c.bits[row/64] |= 1 << (row % 64)
	}
	return true
}

// other counts a field that is no number.
func (c *column) other(text string) {
	_, pair, isBool := boolean(text)
	_, isDate := date(text)
	switch {
	case missing(text):
		if c.missing++; text == "" {
			c.blank++
		}
	case notFinite(text):
		c.infinite++
	case isBool:
		c.bools++
		c.pairs |= pair
	case isDate:
		c.dates++
	case isNumber(text) && !decimalComma(text): // too large
		c.infinite++
	default:
		c.text++
	}
}
