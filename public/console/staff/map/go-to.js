import { field, FieldFault, form } from '../../form.js';
import { parsePlace } from './place.js';

/** Moves a map to a latitude and a longitude. */
export function goToForm(map) {
  const place = field({
    label: 'Go to',
    name: 'place',
    placeholder: '37.7749, -122.4194',
    autocomplete: 'off',
    hint: 'Latitude and longitude.',
  });
  const root = form({
    fields: [place],
    submit: 'Go',
    kind: 'secondary',
    onSubmit: (values) => {
      const point = parsePlace(values.place);
      if (point === null) throw new FieldFault('place', 'Such as 37.7749, -122.4194.');
      map.moveTo(point);
    },
  });
  root.classList.add('go-to');
  return root;
}
