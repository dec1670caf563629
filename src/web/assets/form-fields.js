// Hides the questions of an enrollment form that are not asked with the answers so far, and shows
// them again. What is hidden is disabled, so that it is neither sent nor insisted on; what was
// entered stays. Without this script all questions are shown, and the server decides.

const questions = [...document.querySelectorAll('[data-question]')];
const byId = new Map(questions.map((element) => [element.dataset.question, element]));

for (const hint of document.querySelectorAll('[data-condition]')) hint.hidden = true;
for (const form of new Set(questions.map((element) => element.closest('form')))) {
  form?.addEventListener('input', update);
  form?.addEventListener('reset', () => setTimeout(update));
}
update();

/** Decides in the order of the form: a question that is hidden counts as not answered. */
function update() {
  for (const element of questions) {
    const isAsked = !element.dataset.if || holds(element.dataset, byId.get(element.dataset.if));
    element.hidden = !isAsked;
    for (const input of inputsOf(element)) input.disabled = !isAsked;
  }
}

function holds({ equals, includes }, earlier) {
  if (!earlier || earlier.hidden) return false;
  const inputs = inputsOf(earlier);
  const ticked = inputs.filter((input) => input.checked).map((input) => input.value);
  if (includes !== undefined) return ticked.includes(includes);
  const [first] = inputs;
  switch (first?.type) {
    case 'checkbox':
      return String(first.checked) === equals;
    case 'radio':
      return ticked.includes(equals);
    case 'number':
      return first.value !== '' && Number(first.value) === Number(equals);
    default:
      return first?.value === equals;
  }
}

function inputsOf(element) {
  return [...element.querySelectorAll('input, textarea, select')];
}
