/** The pages for staff, as in `../routes.js`; the navigation leads to the first. */
export const staffRoutes = [];
